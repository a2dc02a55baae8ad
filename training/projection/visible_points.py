# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The points of a scan that one image shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Array
from training.projection.geometry import NEAR_M, FrameGeometry, camera_points, pixels

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
        """All of them as visible points; those of the very same depth by index."""
        # Positive floats sort like their bits, and sorting one 64-bit key is several times as
        # fast as a stable argsort.
        keys = np.ascontiguousarray(self.camera[:, 2]).view(np.uint32).astype(np.uint64)
        keys <<= np.uint64(32)
        keys |= np.arange(len(keys), dtype=np.uint64)
        keys.sort()
        order = (keys & np.uint64(0xFFFFFFFF)).astype(np.intp)
        return VisiblePoints(self.u[order], self.v[order], self.index[order].astype(np.uint32))


def points_in_image(points: Array, geometry: FrameGeometry) -> PointsInImage:
    """Points that fall into the colour image.

    Args:
        points: float32 (N, 3), metres, world.
        geometry: of the frame.
    """
    image = geometry.intrinsics
    camera = camera_points(points, geometry.pose)
    x, y, z = camera.T
    # The image's edges as planes through the camera, so that only what is inside gets divided.
    inside = z > np.float32(NEAR_M)
    inside &= x >= np.float32((-0.5 - image.cx) / image.fx) * z
    inside &= x < np.float32((image.width - 0.5 - image.cx) / image.fx) * z
    inside &= y >= np.float32((-0.5 - image.cy) / image.fy) * z
    inside &= y < np.float32((image.height - 0.5 - image.cy) / image.fy) * z
    index = np.nonzero(inside)[0]
    camera = np.take(camera.T, index, axis=1).T
    return PointsInImage(*pixels(camera, image), camera, index)
