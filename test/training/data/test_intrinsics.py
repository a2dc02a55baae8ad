# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from training.data.intrinsics import Intrinsics

CAMERA = Intrinsics(1296, 968, 1170.187988, 1170.187988, 647.75, 483.75)


def test_rays_go_through_the_pixel_centres():
    camera = Intrinsics(7, 5, 4.0, 6.0, 2.5, 1.75)
    u, v, w = camera.matrix @ camera.rays().astype(np.float64).T
    rows, columns = np.mgrid[0:5, 0:7]
    assert np.allclose(u / w, columns.ravel(), atol=1e-6)
    assert np.allclose(v / w, rows.ravel(), atol=1e-6)


def test_scaling_agrees_with_resizing_the_picture():
    # a blob at the place where a point is projected stays there when the picture is resized
    camera = Intrinsics(320, 240, 280.0, 282.0, 161.3, 117.9)
    small = camera.scaled(80, 48)
    for point in ([0.1, -0.2, 1.0], [-0.3, 0.25, 1.1], [0.45, 0.3, 1.4]):
        u, v, w = camera.matrix @ point
        y, x = np.mgrid[0:240, 0:320]
        blob = np.exp(-((x - u / w) ** 2 + (y - v / w) ** 2) / (2 * 9.0**2)).astype(np.float32)
        resized = cv2.resize(blob, (80, 48), interpolation=cv2.INTER_AREA)
        y, x = np.mgrid[0:48, 0:80]
        found = np.array([(resized * x).sum(), (resized * y).sum()]) / resized.sum()
        su, sv, sw = small.matrix @ point
        assert np.abs(found - [su / sw, sv / sw]).max() < 0.02


def test_scaling_there_and_back_changes_nothing():
    back = CAMERA.scaled(324, 242).scaled(1296, 968)
    assert np.allclose(back.row(), CAMERA.row(), rtol=0, atol=1e-9)


def test_matrices_of_3x3_and_4x4_are_read_and_corners_counted_from():
    four = np.eye(4)
    four[:3, :3] = CAMERA.matrix
    assert Intrinsics.from_matrix(four, 1296, 968) == CAMERA
    corner = CAMERA.matrix + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    assert Intrinsics.from_matrix(corner, 1296, 968, first_centre=0.5) == CAMERA
    assert Intrinsics.from_row(CAMERA.row()) == CAMERA


@pytest.mark.parametrize(
    "matrix",
    [
        np.zeros((3, 3)),
        np.eye(3) * np.nan,
        np.eye(2),
        [[500, 3, 320], [0, 500, 240], [0, 0, 1]],
        [[-500, 0, 320], [0, 500, 240], [0, 0, 1]],
    ],
)
def test_what_is_no_camera_matrix_is_refused(matrix):
    with pytest.raises(ValueError, match="camera"):
        Intrinsics.from_matrix(matrix, 640, 480)
