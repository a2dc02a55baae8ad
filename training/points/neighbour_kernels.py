# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Farthest points and nearest neighbours of one block, as loops that Numba compiles.

Squared distances are not negative, so their bits are in the order of their values: comparing bits
is integer arithmetic, which the processor's vector units do many at a time.
"""

from __future__ import annotations

import numpy as np
from numba import types

from training.data.intrinsics import Array
from training.projection.compilation import FLOAT_ROWS, FLOAT_ROWS_OUT, compiled

_NUMBERS_OUT = types.Array(types.int64, 1, "C")
_NUMBER_ROWS_OUT = types.Array(types.int64, 2, "C")
_CHUNK = 64
"""Points whose nearest is compared before each of them is."""
_INFINITE = np.float32(np.inf)


@compiled(FLOAT_ROWS, _NUMBERS_OUT)
def fill_farthest_points(planes: Array, chosen: Array) -> None:
    """Fill in the numbers of farthest points.

    Args:
        planes: float32 (3, n), x, y and z of the points, n at least 1.
        chosen: int64 (count,).
    """
    count = planes.shape[1]
    x, y, z = planes[0], planes[1], planes[2]
    nearest = np.full(count, _INFINITE, np.float32)
    bits = nearest.view(np.int32)
    last = 0
    for step in range(len(chosen)):
        chosen[step] = last
        x_last, y_last, z_last = x[last], y[last], z[last]
        farthest = np.int32(0)
        for k in range(count):
            dx, dy, dz = x[k] - x_last, y[k] - y_last, z[k] - z_last
            distance = (dx * dx + dy * dy) + dz * dz
            nearest[k] = distance if distance < nearest[k] else nearest[k]
        for k in range(count):
            farthest = max(farthest, bits[k])
        last = 0
        while last < count - 1 and bits[last] != farthest:
            last += 1


@compiled(FLOAT_ROWS, FLOAT_ROWS, _NUMBER_ROWS_OUT, FLOAT_ROWS_OUT)
def fill_nearest_neighbours(planes: Array, queries: Array, numbers: Array, squared: Array) -> None:
    """Fill in the nearest points of each query, the nearest first.

    Args:
        planes: float32 (3, n), x, y and z of the points.
        queries: float32 (m, 3).
        numbers: int64 (m, k), k at most n.
        squared: float32 (m, k), squared distances.
    """
    count, wanted = planes.shape[1], numbers.shape[1]
    x, y, z = planes[0], planes[1], planes[2]
    distances = np.empty(count, np.float32)
    bits, squared_bits = distances.view(np.int32), squared.view(np.int32)
    for row in range(len(queries)):
        x_query, y_query, z_query = queries[row, 0], queries[row, 1], queries[row, 2]
        for k in range(count):
            dx, dy, dz = x[k] - x_query, y[k] - y_query, z[k] - z_query
            distances[k] = (dx * dx + dy * dy) + dz * dz
        found = 0
        for start in range(0, count, _CHUNK):
            end = min(start + _CHUNK, count)
            if found == wanted:
                lowest = bits[start]
                for k in range(start, end):
                    lowest = min(lowest, bits[k])
                if lowest >= squared_bits[row, wanted - 1]:
                    continue
            for k in range(start, end):
                distance = distances[k]
                if found == wanted and distance >= squared[row, wanted - 1]:
                    continue
                place = found if found < wanted else wanted - 1
                while place > 0 and squared[row, place - 1] > distance:
                    squared[row, place] = squared[row, place - 1]
                    numbers[row, place] = numbers[row, place - 1]
                    place -= 1
                squared[row, place], numbers[row, place] = distance, k
                found += found < wanted
