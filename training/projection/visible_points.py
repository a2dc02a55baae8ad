# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The points of a scan that one image shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Array
from training.projection import point_kernel
from training.projection.compilation import floats
from training.projection.geometry import NEAR_M, FrameGeometry, lens, motion_to_camera
from training.projection.near_to_far import near_to_far

NO_POINT = 0xFFFFFFFF
"""Where a map of point indices has none."""


@dataclass(frozen=True, eq=False)
class VisiblePoints:
    """Visible points from the nearest to the farthest, so that the first one in a cell wins.

    Attributes:
        u: columns in the colour image, float32 (K,), pixels, pixel centres at integers.
        v: rows, likewise.
        index: of the scan's points, uint32 (K,).
    """

    u: Array
    v: Array
    index: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, eq=False)
class PointsInImage:
    """Points inside the colour image, visible or not, in the order of the scan.

    Attributes:
        u: columns, float32 (K,), pixels.
        v: rows, likewise.
        camera: the points in the colour camera's frame, float32 (K, 3), metres; each coordinate
            is contiguous.
        index: of the scan's points, ascending, int64 (K,).
    """

    u: Array
    v: Array
    camera: Array
    index: npt.NDArray[np.intp]

    def part(self, rows: npt.NDArray[np.intp]) -> PointsInImage:
        """Some of them, in ascending order."""
        camera = np.take(self.camera.T, rows, axis=1).T
        return PointsInImage(self.u[rows], self.v[rows], camera, self.index[rows])

    def visible(self) -> VisiblePoints:
        """All of them as visible points; those of the very same depth by index.

        Raises:
            ValueError: if the arrays are not equally long.
        """
        z, u, v = floats(self.camera[:, 2]), floats(self.u), floats(self.v)
        index = np.ascontiguousarray(self.index, np.uint32)
        if not len(z) == len(u) == len(v) == len(index):
            raise ValueError(
                f"{len(z)} points with {len(u)} columns, {len(v)} rows and {len(index)} indices"
            )
        return VisiblePoints(*near_to_far(z, u, v, index))


def points_in_image(points: Array, geometry: FrameGeometry) -> PointsInImage:
    """Points that fall into the colour image.

    Args:
        points: float32 (N, 3), metres, world; copied if they are not contiguous or of another type.
        geometry: of the frame.

    Raises:
        ValueError: if the points have another shape.
    """
    points = scan_points(points)
    u, v = np.empty((2, len(points)), np.float32)
    camera = np.empty((3, len(points)), np.float32)
    index = np.empty(len(points), np.uint32)
    count = point_kernel.in_image(points.ravel(), *view_of(geometry), u, v, camera, index)
    return PointsInImage(u[:count], v[:count], camera[:, :count].T, index[:count].astype(np.intp))


def scan_points(points: Array) -> Array:
    """The points as compiled code takes them.

    Raises:
        ValueError: if they are no array of shape (N, 3).
    """
    points = floats(points)
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(f"points are an array of shape (N, 3), not {points.shape}")
    return points


def view_of(geometry: FrameGeometry) -> tuple[Array, Array, Array]:
    """The colour camera as :func:`training.projection.point_kernel.in_image` takes it."""
    image = geometry.intrinsics
    bounds = np.array([NEAR_M, image.width - 0.5, image.height - 0.5], np.float32)
    return motion_to_camera(geometry.pose), lens(image), bounds
