# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of predicted beside measured depth."""

from __future__ import annotations

import cv2
import numpy as np

from training.distillation.depth_comparison import compare_depths
from training.inspection.pictures import NOT_MEASURED


def turbo(level):
    return cv2.applyColorMap(np.uint8([[level]]), cv2.COLORMAP_TURBO)[0, 0, ::-1].tolist()


def test_colours_are_turbo_from_0_to_8_metres_and_dark_where_nothing_was_measured():
    image = np.full((36, 48, 3), (10, 200, 30), np.uint8)
    predicted = np.full((9, 12), 4.0, np.float32)
    predicted[:, 6:] = 100.0
    measured = np.full((9, 12), 2.0, np.float32)
    measured[:3] = 0.0
    measured[3:6, :6] = np.nan
    picture = compare_depths(image, predicted, measured)
    assert picture.shape == (20 + 216 + 4 + 10 + 20, 3 * 288 + 2 * 4, 3)
    middle = picture[20:236]
    assert middle[100, 100].tolist() == [10, 200, 30]
    assert middle[100, 292 + 100].tolist() == turbo(127)
    assert middle[100, 292 + 200].tolist() == turbo(255)  # beyond the farthest
    assert middle[200, 584 + 100].tolist() == turbo(63)
    for row, column in ((30, 100), (30, 250), (100, 100)):
        assert middle[row, 584 + column].tolist() == list(NOT_MEASURED)
    assert sum(NOT_MEASURED) < 255
    bar = picture[20 + 216 + 4 + 5]
    assert bar[0].tolist() == turbo(0) and bar[-1].tolist() == turbo(255)
