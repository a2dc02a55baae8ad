# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A picture of what a network takes for depth beside what was measured."""

from __future__ import annotations

import cv2
import numpy as np

from training.data.intrinsics import Array
from training.inspection.pictures import NOT_MEASURED, Image, depth_colors, depth_scale

NEAR_M, FAR_M = 0.0, 8.0
"""What the colours' ends stand for, metres; the same in all pictures, so that they compare."""
_TILE = 288
"""Width of each of the three, pixels."""
_GAP = 4
_TEXT = 20
"""Height of a line of text."""
_BAR = 10
_INK = (32, 32, 32)


def compare_depths(image: Image, predicted: Array, measured: Array) -> Image:
    """Image, predicted and measured depth side by side, and the scale of the colours.

    Colours are OpenCV's ``COLORMAP_TURBO`` from ``NEAR_M`` in dark blue to ``FAR_M`` in dark red;
    what lies beyond has the colour of that end. Cells without measurement are dark grey.

    Args:
        image: RGB uint8 (H, W, 3).
        predicted: float (h, w), metres.
        measured: likewise, 0 or not finite where nothing was measured.

    Returns:
        RGB uint8 (rows, columns, 3), on white.
    """
    height = max(1, round(_TILE * image.shape[0] / image.shape[1]))
    tiles = [cv2.resize(image, (_TILE, height), interpolation=cv2.INTER_AREA)]
    for depth in (predicted, measured):
        known = np.isfinite(depth) & (depth > 0)
        colors = depth_colors(np.where(known, depth, 0.0), NEAR_M, FAR_M)
        colors[~known] = NOT_MEASURED
        # cells stay what they are, no mean of two sides of an edge
        tiles.append(cv2.resize(colors, (_TILE, height), interpolation=cv2.INTER_NEAREST))
    headings = [_line(_TILE, [(2, name)]) for name in ("image", "predicted", "measured")]
    rows = [_beside(headings), _beside(tiles)]
    return np.vstack([*rows, np.full((_GAP, rows[0].shape[1], 3), 255, np.uint8), *_scale()])


def _scale() -> list[Image]:
    """The colours from near to far, and the metres that they stand for."""
    width = 3 * _TILE + 2 * _GAP
    levels = np.linspace(0, 255, width).round().astype(int)
    bar = np.repeat(depth_scale()[levels][None], _BAR, 0)
    metres = np.linspace(NEAR_M, FAR_M, 5)
    last = width - 34
    texts = [(round(last * k / (len(metres) - 1)), f"{m:g} m") for k, m in enumerate(metres)]
    return [bar, _line(width, texts)]


def _beside(tiles: list[Image]) -> Image:
    gap = np.full((len(tiles[0]), _GAP, 3), 255, np.uint8)
    return np.hstack([tiles[0], gap, tiles[1], gap, tiles[2]])


def _line(width: int, texts: list[tuple[int, str]]) -> Image:
    line = np.full((_TEXT, width, 3), 255, np.uint8)
    for left, text in texts:
        cv2.putText(line, text, (left, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)
    return line
