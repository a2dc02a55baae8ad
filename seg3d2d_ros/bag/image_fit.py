# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Images of one size as a camera of another would give them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.bag.camera_calibration import CameraCalibration


def fit(
    image: npt.NDArray[np.uint8], calibration: CameraCalibration | None, width: int, height: int
) -> tuple[npt.NDArray[np.uint8], CameraCalibration | None]:
    """Scale an image to a size, its middle cut out where the aspect ratio differs.

    Args:
        image: RGB, (H, W, 3) uint8.
        calibration: its intrinsics.
        width: wanted, in pixels.
        height: wanted, in pixels.

    Returns:
        RGB, (height, width, 3) uint8, and its intrinsics.
    """
    old_height, old_width = image.shape[:2]
    crop_width = min(old_width, max(1, round(old_height * width / height)))
    crop_height = min(old_height, max(1, round(old_width * height / width)))
    left, top = (old_width - crop_width) // 2, (old_height - crop_height) // 2
    window = image[top : top + crop_height, left : left + crop_width]
    shrinks = width < crop_width
    scaled: npt.NDArray[np.uint8] = cv2.resize(
        window, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    if calibration is not None:
        window_calibration = calibration.cropped(left, top, crop_width, crop_height)
        calibration = window_calibration.scaled(width, height)
    return scaled, calibration
