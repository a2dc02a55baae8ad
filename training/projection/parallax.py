# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What the depth camera sees past an edge and the colour camera beside it does not."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Array, Intrinsics
from training.projection.geometry import NEAR_M, FrameGeometry, directions, pixels

BASELINE_M = 0.001
"""Cameras nearer to each other than this see the same."""


def hidden_by_parallax(
    camera: Array, geometry: FrameGeometry, depth: Array, metres: float
) -> npt.NDArray[np.bool_]:
    """Whether the colour camera has something measured before points that the depth camera sees.

    The measured depth is moved into the colour camera's view, at the depth image's angular
    resolution, where the nearest measurement of a pixel counts and cracks between measurements are
    closed by taking the nearest of 3x3 pixels. What nobody measured hides nothing.

    Args:
        camera: points in the colour camera's frame and image, float32 (N, 3), metres.
        geometry: of the frame.
        depth: float32 (h, w), metres, 0 = none.
        metres: how far before a point something must lie to hide it; more than surfaces vary
            within two pixels.

    Returns:
        bool (N,).
    """
    scale = geometry.depth_intrinsics.fx / geometry.intrinsics.fx
    view = geometry.intrinsics.scaled(
        max(1, round(geometry.intrinsics.width * scale)),
        max(1, round(geometry.intrinsics.height * scale)),
    )
    rotation = geometry.depth_to_color[:3, :3].astype(np.float32)
    # (3, h w), so that every coordinate is contiguous
    measured = rotation @ directions(geometry.depth_intrinsics)
    measured *= depth.ravel()
    measured += geometry.depth_to_color[:3, 3:].astype(np.float32)
    kept = np.nonzero((depth.ravel() > 0) & (measured[2] > np.float32(NEAR_M)))[0]
    measured = measured[:, kept]
    pixel, inside = _pixel(measured.T, view)
    nearest = np.zeros(view.height * view.width, np.float32)
    np.maximum.at(nearest, pixel, 1 / measured[2, inside])
    nearest = cv2.dilate(nearest.reshape(view.height, view.width), np.ones((3, 3), np.uint8))
    pixel, inside = _pixel(camera, view)
    hidden = np.zeros(len(camera), np.bool_)
    hidden[inside] = (camera[inside, 2] - np.float32(metres)) * nearest.ravel()[pixel] > 1
    return hidden


def _pixel(camera: Array, view: Intrinsics) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    """Flat pixel numbers of the points inside the view, and which points those are."""
    column, row = (np.rint(values) for values in pixels(camera, view))
    inside = np.nonzero((column >= 0) & (column < view.width) & (row >= 0) & (row < view.height))[0]
    flat = row[inside].astype(np.int32) * np.int32(view.width) + column[inside].astype(np.int32)
    return flat, inside
