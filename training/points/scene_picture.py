# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A scene seen from above, which point each pixel shows."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_SHOWN_HEIGHT = 1.9
"""Metres above the floor; what is higher would hide the room."""
_FLOOR_PERCENTILE = 1
_TURN = math.radians(20)
_LEAN = math.radians(30)
"""Of the view from the vertical."""
_DOT = 3
_MARGIN = 4
_BETWEEN = -1


def seen_points(points: npt.NDArray[np.float32], side: int = 320) -> npt.NDArray[np.int64]:
    """Orthographic view from above, from the side a little; each point is a dot of 3 x 3 pixels.

    Args:
        points: [n, 3], metres, z up; at least one.
        side: longer side of the picture, pixels.

    Returns:
        [H, W], number of the nearest point in each pixel; -1 where there is none.
    """
    floor = np.percentile(points[:, 2], _FLOOR_PERCENTILE)
    numbers = np.flatnonzero(points[:, 2] <= floor + _SHOWN_HEIGHT)
    x, y, z = points[numbers].astype(np.float64).T
    across = x * math.cos(_TURN) - y * math.sin(_TURN)
    along = x * math.sin(_TURN) + y * math.cos(_TURN)
    down = -(along * math.cos(_LEAN) + z * math.sin(_LEAN))
    height = z * math.cos(_LEAN) - along * math.sin(_LEAN)
    extent = max(float(np.ptp(across)), float(np.ptp(down)), 1e-3)
    scale = (side - 2 * _MARGIN - 1) / extent
    columns = ((across - across.min()) * scale).astype(np.int64) + _MARGIN
    rows = ((down - down.min()) * scale).astype(np.int64) + _MARGIN
    picture = np.full((rows.max() + _MARGIN + 1, columns.max() + _MARGIN + 1), _BETWEEN, np.int64)
    nearest_last = np.argsort(height, kind="stable")
    # of equal pixels the last assignment stays, so that dots of near points cover far ones
    offsets = np.arange(_DOT) - _DOT // 2
    shifts = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), -1).reshape(-1, 2)
    ordered = np.repeat(nearest_last, len(shifts))
    moved = np.tile(shifts, (len(nearest_last), 1))
    picture[rows[ordered] + moved[:, 0], columns[ordered] + moved[:, 1]] = numbers[ordered]
    return picture
