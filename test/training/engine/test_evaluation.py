# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Confusion matrix and IoU against a brute-force count."""

from __future__ import annotations

import numpy as np
import pytest

from seg3d2d_ros.labels import LabelClass, LabelSpace
from training.engine.evaluation import ConfusionMatrix, evaluate

SPACE = LabelSpace("five", tuple(LabelClass(i, f"c{i}", (i, i, i)) for i in range(5)))


def test_against_counting_pixel_by_pixel():
    rng = np.random.default_rng(0)
    confusion = ConfusionMatrix(SPACE)
    pairs = []
    for _ in range(3):
        truth = rng.choice([0, 1, 2, 3, 255], (13, 17)).astype(np.uint8)  # class 4 never
        predicted = rng.choice([0, 1, 2, 4, 255], (13, 17)).astype(np.uint8)  # class 3 never
        confusion.add(truth, predicted)
        pairs += zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True)
    pairs = [(t, p) for t, p in pairs if t != 255]
    expected = {}
    for c in range(4):
        both = sum(t == c and p == c for t, p in pairs)
        either = sum(t == c or p == c for t, p in pairs)
        expected[f"c{c}"] = round(100 * both / either, 1)
    metrics = confusion.metrics()
    assert metrics["class_iou"] == {**expected, "c4": None}
    assert metrics["pixels"] == len(pairs)
    assert metrics["pixel_accuracy"] == round(100 * sum(t == p for t, p in pairs) / len(pairs), 1)
    assert metrics["miou"] == pytest.approx(sum(expected.values()) / 4, abs=0.1)
    recalls = [sum(t == p == c for t, p in pairs) / sum(t == c for t, _ in pairs) for c in range(4)]
    assert metrics["mean_accuracy"] == round(100 * sum(recalls) / 4, 1)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"labels are \(2, 3\), the truth \(3, 2\)"):
        ConfusionMatrix(SPACE).add(np.zeros((3, 2), np.uint8), np.zeros((2, 3), np.uint8))


class Frames:
    def __len__(self):
        return 3

    def load(self, index):
        return np.full((4, 4, 3), index, np.uint8), np.full((4, 4), index, np.uint8)


def test_evaluate_asks_for_the_frames_named():
    def predict(image):
        return np.zeros(image.shape[:2], np.uint8)

    assert evaluate(predict, Frames(), SPACE).metrics()["pixel_accuracy"] == 33.3
    assert evaluate(predict, Frames(), SPACE, [0]).metrics()["pixel_accuracy"] == 100.0
