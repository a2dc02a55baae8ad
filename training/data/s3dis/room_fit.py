# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Do depth images and poses meet the room's points?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Intrinsics

VOXEL_M = 0.05
GRID = 24
LEAST_SHARE = 0.35
"""Doors and windows show what is not of the room, so not every pixel can meet its points; with a
wrong frame or sign, what chance gives is left."""


class OccupiedSpace:
    """Voxels of 5 cm that hold points.

    Args:
        points: (N, 3), metres; at least one.
    """

    def __init__(self, points: npt.NDArray[np.float32]) -> None:
        cells = np.floor(points.astype(np.float64) / VOXEL_M).astype(np.int64)
        self._low = cells.min(0) - 1
        self._shape = cells.max(0) - self._low + 2
        self._keys = np.unique(self._key(cells))

    def _key(self, cells: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        x, y, z = (cells - self._low).T
        key: npt.NDArray[np.int64] = (x * self._shape[1] + y) * self._shape[2] + z
        return key

    def near(self, places: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Whether places (M, 3) lie in such a voxel or beside one, so within 5 to 17 cm."""
        cells = np.floor(places / VOXEL_M).astype(np.int64)
        met = np.zeros(len(places), np.bool_)
        for step in np.ndindex(3, 3, 3):
            beside = cells + np.array(step) - 1
            inside = ((beside >= self._low) & (beside < self._low + self._shape)).all(1)
            keys = self._key(beside[inside])
            place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            met[inside] |= self._keys[place] == keys
        return met


def places_seen(
    depth: npt.NDArray[np.float64], intrinsics: Intrinsics, pose: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """World places that a coarse grid of a depth image's pixels shows, (M, 3), metres.

    Args:
        depth: (h, w), metres along the optical axis; 0 where there is none.
        intrinsics: of the depth image.
        pose: camera to world.
    """
    height, width = depth.shape
    v, u = np.meshgrid(
        np.linspace(0, height - 1, GRID).round().astype(int),
        np.linspace(0, width - 1, GRID).round().astype(int),
        indexing="ij",
    )
    z = depth[v, u].ravel()
    x = (u.ravel() - intrinsics.cx) / intrinsics.fx * z
    y = (v.ravel() - intrinsics.cy) / intrinsics.fy * z
    seen = np.stack([x, y, z], -1)[z > 0]
    places: npt.NDArray[np.float64] = seen @ pose[:3, :3].T + pose[:3, 3]
    return places
