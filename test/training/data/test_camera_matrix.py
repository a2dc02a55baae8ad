# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a camera matrix is for images of a size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.data.camera_matrix import camera_of_matrix
from training.data.defects import DefectError, DefectKind


def matrix(width, height):
    """Of a camera whose axis is in the middle of images of this size."""
    return np.array(
        [[0.9 * width, 0, (width - 1) / 2], [0, 0.9 * width, (height - 1) / 2], [0, 0, 1]]
    )


def kind_of(k, size):
    with pytest.raises(DefectError, match=r"^k\.txt ") as caught:
        camera_of_matrix(k, size, Path("k.txt"))
    return caught.value.kind


def test_a_camera_whose_axis_misses_the_middle_by_some_percent_is_taken():
    k = matrix(640, 480)
    k[:2, 2] += 0.09 * np.array([640, -480])
    camera = camera_of_matrix(k, (640, 480), Path("k.txt"))
    assert camera.row() == [640, 480, 576, 576, 319.5 + 57.6, 239.5 - 43.2]
    four = np.eye(4)
    four[:3, :3] = k
    assert camera_of_matrix(four, (640, 480), Path("k.txt")) == camera


@pytest.mark.parametrize("size", [(1296, 968), (1280, 960), (320, 240), (960, 540), (500, 375)])
def test_a_matrix_for_another_size_is_not(size):
    assert kind_of(matrix(*size), (640, 480)) is DefectKind.INTRINSICS_MISMATCH


@pytest.mark.parametrize(
    "k", [np.zeros((3, 3)), np.eye(5), np.full((3, 3), np.nan), np.ones((4, 4))]
)
def test_what_is_no_camera_matrix_is_damaged(k):
    assert kind_of(k, (640, 480)) is DefectKind.DAMAGED_FILE
