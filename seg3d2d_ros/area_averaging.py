# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Shrinking by averages of areas, faster than OpenCV's INTER_AREA and equal to it but for rounding.

INTER_AREA visits every sample of an image that it shrinks by no whole number in a scalar loop. Here
all rows of the image that have the same place in the pattern of the two sizes are added at once: of
480 rows to 256, 15 rows become 8 and that 32 times, so 32 rows are one operation of OpenCV's vector
code.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

_SAMPLES_PER_STEP = 4000
"""Samples that one operation must handle on average to be worth its call from Python."""


class _Pattern(NamedTuple):
    """How rows become fewer rows, again and again.

    Attributes:
        source_rows: rows of the image that the pattern takes.
        target_rows: rows it makes of them, as many as ``steps`` has entries.
        steps: for each of those the image's rows it covers and the share that each has in the mean
            of the rows up to it; the first one's is 1.
    """

    source_rows: int
    target_rows: int
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
        (height, width, C) uint8, C-contiguous, rounded from float32. None where the sizes have
        next to no common divisor, so that OpenCV's INTER_AREA is faster.
    """
    rows, columns = (_pattern(*sides) for sides in zip(image.shape, (height, width), strict=False))
    if image.size < _SAMPLES_PER_STEP * (_number_of_steps(rows) + _number_of_steps(columns)):
        return None
    channels = image.shape[2]
    lower = _average_rows(image.reshape(len(image), -1), rows)
    # as rows the columns are added just as fast; rounding once, at the end, keeps to INTER_AREA
    turned = cv2.transpose(lower.reshape(height, -1, channels))
    narrower = _average_rows(turned.reshape(len(turned), -1), columns)
    rounded = cv2.convertScaleAbs(narrower).reshape(width, height, channels)
    averaged: npt.NDArray[np.uint8] = cv2.transpose(rounded).reshape(height, width, channels)
    return averaged


@lru_cache(maxsize=64)
def _pattern(source: int, target: int) -> _Pattern:
    repeats = math.gcd(source, target)
    source_rows, target_rows = source // repeats, target // repeats
    steps = []
    for target_row in range(target_rows):
        # lengths in units of which a row of the image has target_rows, a target row source_rows
        start, end = target_row * source_rows, (target_row + 1) * source_rows
        covered, of_row = 0, []
        for row in range(start // target_rows, -(-end // target_rows)):
            part = min((row + 1) * target_rows, end) - max(row * target_rows, start)
            covered += part
            of_row.append((row, part / covered))
        steps.append(tuple(of_row))
    return _Pattern(source_rows, target_rows, tuple(steps))


def _number_of_steps(pattern: _Pattern) -> int:
    return sum(len(of_row) for of_row in pattern.steps)


def _average_rows(rows: npt.NDArray[Any], pattern: _Pattern) -> npt.NDArray[np.float32]:
    """(H, N) uint8 or float32 to (fewer, N) float32."""
    repeats = len(rows) // pattern.source_rows
    averaged = np.empty((repeats * pattern.target_rows, rows.shape[1]), np.float32)
    for target_row, of_row in enumerate(pattern.steps):
        mean = averaged[target_row :: pattern.target_rows]
        for row, share in of_row:
            added = rows[row :: pattern.source_rows]
            if share == 1:
                mean[:] = added
            else:
                cv2.accumulateWeighted(added, mean, share)
    return averaged
