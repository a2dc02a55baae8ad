# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which of a rendered picture's depth a structured-light sensor such as the Kinect measures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.data.intrinsics import Intrinsics

NEAREST = 0.5
"""Metres; nearer the camera sees no pattern of the projector."""
FARTHEST = 10.0
"""Metres; farther one step of the disparity is more than 0.3 m."""
STEEPEST = float(np.tan(np.deg2rad(80)))
"""Slope of a surface against the image plane: the pattern smears on what is seen at less than 10
degrees, and where depth jumps, at the edges of things, projector or camera don't see it."""


def measured(depth: NDArray[np.float32], camera: Intrinsics) -> NDArray[np.float32]:
    """Depth with the holes that such a sensor leaves; without its noise.

    Args:
        depth: float32 [h, w], metres along the optical axis, 0 = none.
        camera: of the image.

    Returns:
        Like ``depth``, with 0 where nothing is measured.
    """
    seen = (depth >= NEAREST) & (depth < FARTHEST)
    for axis, focal in ((0, camera.fy), (1, camera.fx)):
        step = np.abs(np.diff(depth, axis=axis))
        near = np.minimum(np.delete(depth, -1, axis), np.delete(depth, 0, axis))
        # A pixel is near / focal metres wide there.
        steep = step * focal > STEEPEST * near
        seen &= ~np.insert(steep, depth.shape[axis] - 1, False, axis)
        seen &= ~np.insert(steep, 0, False, axis)
    return np.where(seen, depth, np.float32(0))
