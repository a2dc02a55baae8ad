# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A scene seen from above, which point each pixel shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

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
_CHUNK = 2**18
"""Points at a time, so that scenes of any size take little memory."""


def seen_points(points: npt.NDArray[np.float32], side: int = 320) -> npt.NDArray[np.int64]:
    """Orthographic view from above, from the side a little; each point is a dot of 3 x 3 pixels.

    Args:
        points: [n, 3], metres, z up; at least one.
        side: longer side of the picture, pixels.

    Returns:
        [H, W], number of the nearest point in each pixel; -1 where there is none.
    """
    floor = float(np.percentile(points[:, 2], _FLOOR_PERCENTILE))
    view = _View.of(points, floor + _SHOWN_HEIGHT, side)
    heights = np.full(view.shape, -np.inf)
    picture = np.full(view.shape, _BETWEEN, np.int64)
    for places, height, numbers in view.chunks(points):
        # of equal places the last assignment stays
        nearest_last = np.argsort(height, kind="stable")
        rows, columns = places[:, nearest_last]
        best = np.full(view.shape, _BETWEEN, np.int64)
        best[rows, columns] = nearest_last
        rows, columns = np.nonzero(best != _BETWEEN)
        best = best[rows, columns]
        nearer = height[best] >= heights[rows, columns]
        rows, columns, best = rows[nearer], columns[nearer], best[nearer]
        heights[rows, columns] = height[best]
        picture[rows, columns] = numbers[best]
    return _dots(picture, heights)


def _dots(
    picture: npt.NDArray[np.int64], heights: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Each pixel's point as a dot; where dots meet, the nearest, of equally near the last."""
    rows, columns = picture.shape
    reach = _DOT // 2
    padded = np.pad(picture, reach, constant_values=_BETWEEN)
    padded_heights = np.pad(heights, reach, constant_values=-np.inf)
    result, result_heights = picture.copy(), heights.copy()
    for down in range(_DOT):
        for across in range(_DOT):
            window = slice(down, down + rows), slice(across, across + columns)
            other, height = padded[window], padded_heights[window]
            nearer = (height > result_heights) | ((height == result_heights) & (other > result))
            result[nearer], result_heights[nearer] = other[nearer], height[nearer]
    return result


@dataclass(frozen=True)
class _View:
    """Where points are in the picture.

    Attributes:
        highest: z of the highest point that is shown, metres.
        low: least coordinates of the shown points in the picture's plane, down and across, metres.
        scale: pixels per metre.
        shape: of the picture.
    """

    highest: float
    low: npt.NDArray[np.float64]
    scale: float
    shape: tuple[int, int]

    @classmethod
    def of(cls, points: npt.NDArray[np.float32], highest: float, side: int) -> _View:
        extremes = [
            (plane.min(1), plane.max(1)) for plane, _, _ in _projected_chunks(points, highest)
        ]
        low = np.min([extreme[0] for extreme in extremes], 0)
        extent = np.max([extreme[1] for extreme in extremes], 0) - low
        scale = (side - 2 * _MARGIN - 1) / max(float(extent.max()), 1e-3)
        rows, columns = ((extent * scale).astype(int) + 2 * _MARGIN + 1).tolist()
        return cls(highest, low, scale, (rows, columns))

    def chunks(
        self, points: npt.NDArray[np.float32]
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64]]]:
        """Rows and columns [2, n], heights above the picture [n] and numbers of points."""
        for plane, height, numbers in _projected_chunks(points, self.highest):
            places = ((plane - self.low[:, None]) * self.scale).astype(np.int64) + _MARGIN
            yield places, height, numbers


def _projected_chunks(
    points: npt.NDArray[np.float32], highest: float
) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]]:
    """Down and across [2, n] and above [n] the picture's plane, and numbers, a part at a time."""
    for start in range(0, len(points), _CHUNK):
        part = points[start : start + _CHUNK]
        numbers = np.flatnonzero(part[:, 2] <= highest)
        if not len(numbers):
            continue
        x, y, z = part[numbers].astype(np.float64).T
        across = x * math.cos(_TURN) - y * math.sin(_TURN)
        along = x * math.sin(_TURN) + y * math.cos(_TURN)
        down = -(along * math.cos(_LEAN) + z * math.sin(_LEAN))
        height = z * math.cos(_LEAN) - along * math.sin(_LEAN)
        yield np.stack([down, across]), height, numbers + start
