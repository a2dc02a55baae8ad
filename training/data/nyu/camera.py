# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The Kinect that NYU-Depth V2 was recorded with."""

from __future__ import annotations

import numpy as np

from training.data.intrinsics import Intrinsics

FARTHEST = 10.0
"""Metres at which the data set's toolbox clips depth (maxDepth in camera_params.m): this far or
farther is no measurement."""

COLOR_CAMERA = Intrinsics.from_matrix(
    np.array(
        [
            [5.1885790117450188e02, 0, 3.2558244941119034e02],
            [0, 5.1946961112127485e02, 2.5373616633400465e02],
            [0, 0, 1],
        ]
    ),
    640,
    480,
    first_centre=1.0,
)
"""The colour camera, on whose pixels the labelled frames' depth and labels lie, without distortion:
fx_rgb, fy_rgb, cx_rgb and cy_rgb of the toolbox's camera_params.m. Its rgb_plane2rgb_world.m has
the first pixel's centre at 1, where ours is at 0, so the principal point is one pixel less."""

VALID_ROWS = slice(44, 471)
"""Rows in which the projected depth reaches the pictures' pixels: 45 to 471 counted from 1."""
VALID_COLUMNS = slice(40, 601)
"""Likewise columns: 41 to 601 counted from 1."""


def color_camera(width: int, height: int) -> Intrinsics:
    """The colour camera for pictures of a size; the data set's own are 640x480."""
    if (width, height) == (COLOR_CAMERA.width, COLOR_CAMERA.height):
        return COLOR_CAMERA
    return COLOR_CAMERA.scaled(width, height)


def valid_region(width: int, height: int) -> tuple[slice, slice]:
    """Rows and columns of the valid region in pictures of a size, as for :func:`color_camera`."""
    rows, columns = (
        slice(round(part.start * size / native), round(part.stop * size / native))
        for part, size, native in (
            (VALID_ROWS, height, COLOR_CAMERA.height),
            (VALID_COLUMNS, width, COLOR_CAMERA.width),
        )
    )
    return rows, columns
