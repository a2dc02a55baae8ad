# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Confusion matrix and IoU against a brute-force count and against torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest

from seg3d2d_ros.confusion_matrix import ConfusionMatrix
from seg3d2d_ros.labels import LabelClass, LabelSpace

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


def test_against_torchmetrics(torchmetrics):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    truth = rng.choice([0, 1, 2, 3, 4, 255], (40, 50), p=[0.5, 0.2, 0.1, 0.05, 0.05, 0.1])
    predicted = np.where(rng.random((40, 50)) < 0.6, truth % 5, rng.integers(0, 5, (40, 50)))
    confusion = ConfusionMatrix(SPACE)
    confusion.add(truth.astype(np.uint8), predicted.astype(np.uint8))
    pair = torch.from_numpy(predicted.astype(np.int64)), torch.from_numpy(truth.astype(np.int64))
    options = {"num_classes": 5, "ignore_index": 255, "validate_args": False}
    functional = torchmetrics.functional.classification
    matrix = functional.multiclass_confusion_matrix(*pair, **options)
    np.testing.assert_array_equal(confusion.counts[:, :5], matrix.numpy())
    iou = functional.multiclass_jaccard_index(*pair, average="none", **options)
    np.testing.assert_allclose(confusion.iou(), iou.numpy(), atol=1e-6)
    metrics = confusion.metrics()
    accuracy = functional.multiclass_accuracy(*pair, average="micro", **options)
    assert metrics["pixel_accuracy"] == pytest.approx(100 * float(accuracy), abs=0.051)
    mean = functional.multiclass_accuracy(*pair, average="macro", **options)
    assert metrics["mean_accuracy"] == pytest.approx(100 * float(mean), abs=0.051)
