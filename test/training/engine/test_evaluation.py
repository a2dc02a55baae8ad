# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from seg3d2d_ros.labels import LabelClass, LabelSpace
from training.engine.evaluation import evaluate

SPACE = LabelSpace("five", tuple(LabelClass(i, f"c{i}", (i, i, i)) for i in range(5)))


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


def test_every_frame_can_be_watched():
    seen = []
    evaluate(
        lambda image: image[:, :, 0],
        Frames(),
        SPACE,
        watch=lambda index, image, truth, predicted: seen.append(
            (index, image.shape, int(truth[0, 0]), int(predicted[0, 0]))
        ),
    )
    assert seen == [(k, (4, 4, 3), k, k) for k in range(3)]
