# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from seg3d2d_ros.bag.camera_calibration import CameraCalibration, find_calibration

CAMERA = CameraCalibration(640, 480, (577.6, 0, 318.9, 0, 578.7, 242.7, 0, 0, 1))


def test_crop_and_scale_keep_the_rays():
    """A point projects to the same place of the picture before and after."""
    point = np.array([0.3, -0.2, 1.7])
    changed = CAMERA.cropped(0, 60, 640, 360).scaled(1920, 1080)
    before = np.reshape(CAMERA.k, (3, 3)) @ point
    u, v = before[:2] / before[2]
    for matrix in (np.reshape(changed.k, (3, 3)), np.reshape(changed.p, (3, 4))[:, :3]):
        after = matrix @ point
        # measured from the picture's edges, which lie half a pixel outside of the outer centres
        assert (after[0] / after[2] + 0.5) / 1920 == pytest.approx((u + 0.5) / 640)
        assert (after[1] / after[2] + 0.5) / 1080 == pytest.approx((v + 0.5 - 60) / 360)
    assert (changed.width, changed.height) == (1920, 1080)


def test_projection_comes_from_the_intrinsic_matrix():
    np.testing.assert_array_equal(
        np.reshape(CAMERA.p, (3, 4)), np.hstack([np.reshape(CAMERA.k, (3, 3)), np.zeros((3, 1))])
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("camera-intrinsics.txt", "585 0 320\n0 586 240\n0 0 1\n"),
        ("intrinsics_color.txt", "585 0 320 0\n0 586 240 0\n0 0 1 0\n0 0 0 1\n"),
        ("intrinsic/intrinsic_color.txt", "\n585 0 320 0\n0 586 240 0\n0 0 1 0\n0 0 0 1\n\n"),
    ],
)
def test_intrinsics_are_found_beside_the_images(tmp_path, name, text):
    (tmp_path / "color").mkdir()
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    for folder in (tmp_path, tmp_path / "color"):
        found = find_calibration(folder, 640, 480)
        assert found is not None
        assert found.k == (585, 0, 320, 0, 586, 240, 0, 0, 1)


@pytest.mark.parametrize("text", ["", "585 0 320\n", "a b c\n", "nan 0 320\n0 586 240\n0 0 1\n"])
def test_malformed_intrinsics_count_as_none(tmp_path, text):
    (tmp_path / "camera-intrinsics.txt").write_text(text)
    assert find_calibration(tmp_path, 640, 480) is None
