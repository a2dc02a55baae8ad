# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The points of a scan that one image shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Array

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


def from_near_to_far(u: Array, v: Array, z: Array, index: npt.NDArray[np.uint32]) -> VisiblePoints:
    """Order points by depth, points of the very same depth by index.

    Args:
        u: columns, float32 (K,), pixels.
        v: rows, likewise.
        z: depths in the colour camera's frame, float32 (K,), metres, above 0.
        index: of the scan's points, ascending, uint32 (K,).
    """
    # Positive floats sort like their bits, and sorting one 64-bit key is several times as fast as
    # a stable argsort.
    keys = z.view(np.uint32).astype(np.uint64) << np.uint64(32)
    keys |= np.arange(len(z), dtype=np.uint64)
    keys.sort()
    order = (keys & np.uint64(0xFFFFFFFF)).astype(np.intp)
    return VisiblePoints(u[order], v[order], index[order])
