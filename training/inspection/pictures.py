# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of one frame: labels, projected points and depth, small enough for a page."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.overlay import blend_overlay
from training.data.intrinsics import Array
from training.data.resizing import moved, resize_matrix
from training.projection.dot_colors import lifted
from training.projection.visible_points import VisiblePoints

Image = npt.NDArray[np.uint8]

PICTURE_SIDE = 640
"""Greatest height and width of a picture, pixels."""
THUMBNAIL_SIDE = 200
NO_LABEL_COLOR = (205, 205, 205)
NOT_MEASURED = (70, 70, 70)
_LABEL_ALPHA = 0.65
_QUALITY = 80
_DIMMED = 0.35
_DOTS = (2, 5)
"""Least and greatest side of a projected point's dot, pixels."""


def shrink(image: npt.NDArray[Any], side: int = PICTURE_SIDE, *, ids: bool = False) -> Any:
    """An image whose longer side is at most `side` pixels; `ids` are not averaged."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_NEAREST_EXACT if ids else cv2.INTER_AREA)


def jpeg(image: Image) -> bytes:
    """An RGB image, (H, W, 3) uint8, as the content of a JPEG file."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    # full resolution for hues too: dots of some pixels would turn grey
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, content = cv2.imencode(".jpg", bgr, options)
    return bytes(content.tobytes())


def class_colors(classes: npt.NDArray[Any], space: LabelSpace) -> Image:
    """Colours of class ids, (..., 3) uint8 RGB; grey where there is no class."""
    palette = space.palette()
    palette[space.num_classes :] = NO_LABEL_COLOR
    return palette[classes]


def label_picture(image: Image, labels: npt.NDArray[Any], space: LabelSpace) -> Image:
    """The labels' colours over the image; pixels without a label are those of the image."""
    return blend_overlay(shrink(image), shrink(labels, ids=True), space.palette(), _LABEL_ALPHA)


def points_picture(image: Image, visible: VisiblePoints, colors: Image) -> Image:
    """Points as dots over the image without colour and dark; near ones lie on top.

    Dots are about half as wide as the points' mean distance in the picture; dark ones are lifted.

    Args:
        image: RGB (H, W, 3).
        visible: points.
        colors: one for each, uint8 (K, 3).
    """
    small = shrink(image)
    height, width = small.shape[:2]
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    canvas = np.repeat((grey * _DIMMED).astype(np.uint8)[..., None], 3, 2)
    dot = int(np.clip(round(0.5 * np.sqrt(height * width / max(len(visible), 1))), *_DOTS))
    u, v = moved(resize_matrix(image.shape[:2], (height, width)), visible.u, visible.v)
    # of the dot's first pixel
    column, row = (np.floor(place - dot / 2 + 1).astype(np.intp) for place in (u, v))
    top = np.zeros((height, width), np.intp)  # 1 + the dot's point, 0 = none
    # The last assignment to a pixel stays, so that of the nearest point comes last.
    order = np.arange(len(visible))[::-1]
    offsets = [(i, j) for i in range(dot) for j in range(dot)]
    rows = np.stack([row[order] + i for i, _ in offsets], 1).ravel()
    columns = np.stack([column[order] + j for _, j in offsets], 1).ravel()
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    top[rows[inside], columns[inside]] = 1 + np.repeat(order, len(offsets))[inside]
    drawn = top > 0
    canvas[drawn] = lifted(colors)[top[drawn] - 1]
    return canvas


def depth_range(*depths: Array) -> tuple[float, float] | None:
    """Nearest and farthest of depths in metres without the outermost percent; None for none."""
    measured = np.concatenate([np.zeros(0), *(depth[depth > 0].ravel() for depth in depths)])
    if not len(measured):
        return None
    near, far = (float(x) for x in np.percentile(measured, (1, 99)))
    return near, max(far, near + 0.01)


def depth_colors(depth: Array, near: float, far: float) -> Image:
    """Depths as colours, near is blue and far is red: uint8 RGB of shape (..., 3)."""
    level = np.clip((depth - near) / (far - near) * 255, 0, 255).astype(np.uint8)
    table = depth_scale()
    return table[level]


def depth_scale() -> Image:
    """The 256 colours of depths from near to far: uint8 RGB (256, 3)."""
    levels = np.arange(256, dtype=np.uint8)[:, None]
    bgr: Image = cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)[:, 0]
    return np.ascontiguousarray(bgr[:, ::-1])


def depth_picture(depth: Array, near: float, far: float) -> Image:
    """A depth image in metres as colours; dark grey where nothing was measured."""
    small = shrink(depth, ids=True)  # no mean of two sides of an edge
    picture = depth_colors(small, near, far)
    picture[small <= 0] = NOT_MEASURED
    return picture
