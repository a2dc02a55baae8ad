# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The picture of a depth probe: what each layer's decoder makes of some frames, as in Figure 8."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from training.data.intrinsics import Array
from training.inspection.pictures import NOT_MEASURED, Image, depth_colors, depth_range

_TILE = 192
"""Width of a picture."""
_GAP = 4
_HEADING = 40
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_depth_maps(
    images: Sequence[Image],
    measured: Sequence[Array],
    layers: Sequence[tuple[str, float, Array]],
) -> Image:
    """One row a frame: image, measured depth, and the depth from every layer.

    Colours are of the measured depth's range in the row, near is blue and far is red, without
    measurement is grey.

    Args:
        images: RGB uint8 (H, W, 3), all of one size.
        measured: float32 (h, w), metres, 0 = none.
        layers: name, SSIM and depth [frames, h, w] in metres of each.

    Returns:
        RGB uint8 (rows, columns, 3), on white.
    """
    height = max(1, round(_TILE * images[0].shape[0] / images[0].shape[1]))
    headings = [("image", ""), ("measured", "")]
    headings += [(name, f"SSIM {ssim:.3f}") for name, ssim, _ in layers]
    rows = [_row([_heading(*texts) for texts in headings])]
    for number, (image, truth) in enumerate(zip(images, measured, strict=True)):
        near, far = depth_range(truth) or (0.0, 1.0)
        maps = [truth, *(depth[number] for _, _, depth in layers)]
        tiles = [cv2.resize(image, (_TILE, height), interpolation=cv2.INTER_AREA)]
        for depth in maps:
            colors = depth_colors(depth, near, far)
            colors[depth <= 0] = NOT_MEASURED
            tiles.append(cv2.resize(colors, (_TILE, height), interpolation=cv2.INTER_NEAREST))
        rows.append(_row(tiles))
    return np.vstack(rows)


def _heading(name: str, figure: str) -> Image:
    tile = np.full((_HEADING, _TILE, 3), 255, np.uint8)
    for text, line in ((name, 15), (figure, 33)):
        cv2.putText(tile, text, (2, line), _FONT, 0.45, (32, 32, 32), 1, cv2.LINE_AA)
    return tile


def _row(tiles: Sequence[Image]) -> Image:
    parts = []
    for tile in tiles:
        parts += [tile, np.full((len(tile), _GAP, 3), 255, np.uint8)]
    row = np.hstack(parts)
    return np.vstack([row, np.full((_GAP, row.shape[1], 3), 255, np.uint8)])
