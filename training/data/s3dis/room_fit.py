# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Do depth images and poses meet the room's points?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Intrinsics

VOXEL_M = 0.05
GRID = 24
LEAST_SHARE = 0.25
"""Of pixels that meet the room's points. Doors show what is not of the room and scanners leave
holes, so it is 0.4 to 0.95 where all is well; with a wrong sign or frame it is what chance gives,
about 0.1 in a small room."""
LEAST_FRAMES = 3
LEAST_PLACES = 100
"""With less, all may be a hole or seen through a door."""
LEVEL_M = 0.15
"""Floor and ceiling are met by a room that is turned, too, and so are left out this far."""


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


def share_met(
    points: npt.NDArray[np.float32], frames: Sequence[npt.NDArray[np.float64]]
) -> float | None:
    """Share of the places seen that lie at a room's points, floor and ceiling left out.

    Args:
        points: of the room, (N, 3), metres, z up; at least one.
        frames: what each frame shows, see :func:`places_seen`.

    Returns:
        0 to 1; None where too little is seen to tell.
    """
    if len(frames) < LEAST_FRAMES:
        return None
    places = np.concatenate(frames)
    levels = np.percentile(points[:, 2], [0.5, 99.5])
    places = places[(np.abs(places[:, 2:] - levels) > LEVEL_M).all(1)]
    if len(places) < LEAST_PLACES:
        return None
    return float(OccupiedSpace(points).near(places).mean())


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
