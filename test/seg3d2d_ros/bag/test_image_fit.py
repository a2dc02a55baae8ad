# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from seg3d2d_ros.bag.camera_calibration import CameraCalibration
from seg3d2d_ros.bag.image_fit import fit


def spot(height, width, v, u):
    """A soft white spot centred at (v, u)."""
    rows, columns = np.mgrid[:height, :width]
    weight = np.exp(-((rows - v) ** 2 + (columns - u) ** 2) / (2 * 6.0**2))
    return np.repeat(np.uint8(250 * weight)[:, :, None], 3, axis=2)


def centre(image):
    weight = image[:, :, 0].astype(float)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    return (rows * weight).sum() / weight.sum(), (columns * weight).sum() / weight.sum()


@pytest.mark.parametrize(("width", "height"), [(160, 120), (400, 300), (320, 120), (180, 240)])
def test_intrinsics_follow_the_pixels(width, height):
    # a spot where the intrinsics see the ray (0.05, -0.04, 1)
    calibration = CameraCalibration(320, 240, (250, 0, 150, 0, 240, 125, 0, 0, 1))
    image = spot(240, 320, 125 - 0.04 * 240, 150 + 0.05 * 250)
    fitted, k = fit(image, calibration, width, height)
    assert fitted.shape == (height, width, 3)
    assert (k.width, k.height) == (width, height)
    v, u = centre(fitted)
    # against the definition of a pinhole: u = fx x + cx
    assert u == pytest.approx(k.k[0] * 0.05 + k.k[2], abs=0.1)
    assert v == pytest.approx(k.k[4] * -0.04 + k.k[5], abs=0.1)
    assert k.p[0] == k.k[0]
    assert k.p[6] == k.k[5]


def test_without_intrinsics():
    image = spot(240, 320, 120, 160)
    fitted, calibration = fit(image, None, 320, 240)
    np.testing.assert_array_equal(fitted, image)
    assert calibration is None
