# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Shrinking by averages of areas: OpenCV's INTER_AREA but for rounding, in about half the time.

INTER_AREA visits each sample in a scalar loop where a side shrinks by no whole number. Here rows
are averaged first, all those at once that have the same place in the pattern of the two heights: of
480 rows to 256, 15 rows become 8 and that 32 times, so OpenCV's vector code handles 32 rows in one
call. Of the rows made, OpenCV then averages the columns: by INTER_AREA, or where two become one by
INTER_LINEAR, which takes each from half-way between two and has vector code.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

_SAMPLES_PER_STEP = 4000
"""Samples that one operation must handle on average to be worth its call from Python."""


class _RowPattern(NamedTuple):
    """How rows become fewer rows, again and again down the image.

    Attributes:
        source_rows: rows of the image in one pattern.
        steps: for each row made of them the image's rows it covers, and the share that each has in
            the mean of itself and the covered rows before it.
    """

    source_rows: int
    steps: tuple[tuple[tuple[int, float], ...], ...]


def average_areas(
    image: npt.NDArray[np.uint8], height: int, width: int
) -> npt.NDArray[np.uint8] | None:
    """An image, smaller, each pixel the mean of the area it covers.

    Args:
        image: (H, W, C) uint8, C at most 4, any strides.
        height: at most H.
        width: at most W.

    Returns:
        (height, width, C) uint8, C-contiguous: float32 means, rounded once, halves to even. None
        where INTER_AREA is faster: for half of both sides, and heights of hardly any common
        divisor.
    """
    halved = image.shape[:2] == (2 * height, 2 * width)
    pattern = _row_pattern(len(image), height)
    if halved or image.size < _SAMPLES_PER_STEP * sum(map(len, pattern.steps)):
        return None
    lower = _average_rows(image, pattern)
    in_pairs = image.shape[1] == 2 * width
    interpolation = cv2.INTER_LINEAR if in_pairs else cv2.INTER_AREA
    averaged = cv2.resize(lower, (width, height), interpolation=interpolation)
    rounded: npt.NDArray[np.uint8] = cv2.convertScaleAbs(averaged)
    return rounded.reshape(height, width, -1)  # OpenCV drops a single channel


@lru_cache(maxsize=64)
def _row_pattern(source: int, target: int) -> _RowPattern:
    repeats = math.gcd(source, target)
    source_rows, target_rows = source // repeats, target // repeats
    steps = []
    for target_row in range(target_rows):
        # in units of which a row of the image is target_rows long and a target row source_rows
        start, end = target_row * source_rows, (target_row + 1) * source_rows
        covered, of_row = 0, []
        for row in range(start // target_rows, -(-end // target_rows)):
            part = min((row + 1) * target_rows, end) - max(row * target_rows, start)
            covered += part
            of_row.append((row, part / covered))
        steps.append(tuple(of_row))
    return _RowPattern(source_rows, tuple(steps))


def _average_rows(image: npt.NDArray[np.uint8], pattern: _RowPattern) -> npt.NDArray[np.float32]:
    """(H, W, C) to (fewer, W, C)."""
    rows = image.reshape(len(image), -1)
    target_rows = len(pattern.steps)
    averaged = np.empty((len(rows) // pattern.source_rows * target_rows, rows.shape[1]), np.float32)
    for target_row, of_row in enumerate(pattern.steps):
        mean = averaged[target_row::target_rows]
        for number, (row, share) in enumerate(of_row):
            added = rows[row :: pattern.source_rows]
            if number == 0:
                mean[:] = added
            else:  # mean += share * (added - mean), in the memory of `averaged`
                cv2.accumulateWeighted(added, mean, share)
    return averaged.reshape(-1, *image.shape[1:])
