# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Labels made visible: colours blended over the image, and a legend of the classes."""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.labels import LabelSpace

Image = npt.NDArray[np.uint8]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TEXT_SCALE = 0.5
_TEXT_COLOR = (32, 32, 32)
_ROW = 24
"""Height of a legend row in pixels, which the text fits."""
_SWATCH = 16
_MARGIN = 12


def blend_overlay(
    image: Image, labels: npt.NDArray[np.uint8 | np.uint16], palette: Image, alpha: float = 0.5
) -> Image:
    """Blend the colours of the labels over an image.

    Args:
        image: RGB, (H, W, 3) uint8.
        labels: (H, W) uint8 or uint16, class ids.
        palette: (256, 3) or (65536, 3) uint8, the colour of each id; the last id is unlabeled.
        alpha: weight of the label colours, from 0 (image only) to 1 (colours only).

    Returns:
        RGB, (H, W, 3) uint8, C-contiguous; unlabeled pixels are those of the image.

    Raises:
        ValueError: if image and labels are of different sizes.
    """
    if image.shape[:2] != labels.shape:
        raise ValueError(f"labels are of shape {labels.shape}, the image of {image.shape[:2]}")
    colors = _colorize(labels, palette)
    overlay: Image = cv2.addWeighted(image, 1.0 - alpha, colors, alpha, 0.0)
    unlabeled = labels == len(palette) - 1
    if unlabeled.any():
        cv2.copyTo(image, unlabeled.view(np.uint8), overlay)
    return overlay


def _colorize(labels: npt.NDArray[np.uint8 | np.uint16], palette: Image) -> Image:
    if labels.dtype == np.uint8 and len(palette) == 256:
        # a colour map made for this is ten times as fast as indexing
        table = np.ascontiguousarray(palette).reshape(256, 1, 3)
        colors: Image = cv2.applyColorMap(np.ascontiguousarray(labels), table)
        return colors
    return palette[labels]


def draw_legend(label_space: LabelSpace, present: Collection[int], height: int) -> Image:
    """Draw the names and colours of classes, one per row.

    Args:
        label_space: where names and colours come from.
        present: ids of the classes to name, listed in id order; ids of no class are left out.
        height: of the panel in pixels; further columns are begun where it is too low.

    Returns:
        RGB, (height, W, 3) uint8 on white; W is even and just wide enough.
    """
    classes = [c for c in label_space.classes if c.id in present]
    rows = max(1, height // _ROW)
    columns = [classes[start : start + rows] for start in range(0, len(classes), rows)]
    column_widths = [
        2 * _MARGIN + _SWATCH + max(_text_width(c.name) for c in column) for column in columns
    ]
    width = sum(column_widths) + _MARGIN
    panel: Image = np.full((height, width + width % 2, 3), 255, np.uint8)
    left = _MARGIN
    for column, column_width in zip(columns, column_widths, strict=True):
        for row, label_class in enumerate(column):
            top = row * _ROW + (_ROW - _SWATCH) // 2
            corner = (left + _SWATCH - 1, top + _SWATCH - 1)
            cv2.rectangle(panel, (left, top), corner, label_class.color, cv2.FILLED)
            baseline = (left + _SWATCH + _MARGIN // 2, top + _SWATCH - 4)
            cv2.putText(
                panel, label_class.name, baseline, _FONT, _TEXT_SCALE, _TEXT_COLOR, 1, cv2.LINE_AA
            )
        left += column_width
    return panel


def _text_width(text: str) -> int:
    (width, _), _ = cv2.getTextSize(text, _FONT, _TEXT_SCALE, 1)
    return int(width)
