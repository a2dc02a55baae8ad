# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Between the camera's size and the network's: which size, images down, labels up."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.area_averaging import average_areas
from seg3d2d_ros.bundle import InputSpec


def network_size(spec: InputSpec, height: int, width: int) -> tuple[int, int]:
    """Size (height, width) at which the network sees an image.

    Near the bundle's input area and the image's aspect ratio, with sides that are multiples of the
    bundle's; of the roundings up and down of each side the one is taken that distorts least, a
    change of aspect ratio counting twice a change of area. Under a 288x384 input with multiple 32
    a VGA image is seen at 288x384, a 1080p one at 256x448. No side exceeds four times the larger
    side of the input size, which bounds memory for images like thin strips.
    """
    scale = math.sqrt(spec.height * spec.width / (height * width))
    longest = 4 * max(spec.height, spec.width) // spec.multiple

    def roundings(side: int) -> list[int]:
        units = side * scale / spec.multiple
        return [min(max(n, 1), longest) for n in (math.floor(units), math.ceil(units))]

    def distortion(size: tuple[int, int]) -> float:
        log_height = math.log(size[0] * spec.multiple / (height * scale))
        log_width = math.log(size[1] * spec.multiple / (width * scale))
        return 2 * abs(log_height - log_width) + abs(log_height + log_width)

    best = min(itertools.product(roundings(height), roundings(width)), key=distortion)
    return best[0] * spec.multiple, best[1] * spec.multiple


def resize_to_network(image: npt.NDArray[np.uint8], spec: InputSpec) -> npt.NDArray[np.uint8]:
    """An image (H, W, 3) at :func:`network_size`, C-contiguous: area-averaged when shrunk."""
    height, width = network_size(spec, *image.shape[:2])
    if (height, width) == image.shape[:2]:
        return np.ascontiguousarray(image)
    if height <= image.shape[0] and width <= image.shape[1]:
        averaged = average_areas(image, height, width)
        if averaged is not None:
            return averaged
    interpolation = cv2.INTER_AREA if _shrinks(image.shape, (height, width)) else cv2.INTER_LINEAR
    resized: npt.NDArray[np.uint8] = cv2.resize(image, (width, height), interpolation=interpolation)
    return resized


def resize_nearest(labels: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[Any]:
    """A label image at another size by nearest neighbour, pixel centres at half integers."""
    if labels.shape == (height, width):
        return np.ascontiguousarray(labels)
    rows = min(len(labels), height)
    resized: npt.NDArray[Any] = cv2.resize(
        labels, (width, rows), interpolation=cv2.INTER_NEAREST_EXACT
    )
    if rows < height:  # whole rows are copied faster than their pixels are looked up again
        resized = resized.take(nearest_pixels(rows, height), axis=0)
    return resized


def _shrinks(source: Sequence[int], target: tuple[int, int]) -> bool:
    return target[0] * target[1] < source[0] * source[1]


def resizing_weights(
    source: tuple[int, int], target: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What :func:`resize_to_network` does, as matrices for devices that OpenCV doesn't reach.

    ``rows @ image @ columns.T`` of each channel, rounded, is the resized image, but for one grey
    level (OpenCV enlarges in fixed point). Where one side shrinks and the other grows, the side
    that grows is interpolated linearly.

    Args:
        source: height and width of the image.
        target: those of the result.

    Returns:
        ``rows`` (target height, source height) and ``columns`` (target width, source width);
        each row sums to 1.
    """
    weights = _area_weights if _shrinks(source, target) else _linear_weights
    rows, columns = (weights(n, m) for n, m in zip(source, target, strict=True))
    return rows, columns


def _area_weights(source: int, target: int) -> npt.NDArray[np.float32]:
    """Part of each target pixel that each source pixel covers."""
    if target > source:
        return _linear_weights(source, target)
    edges = np.arange(target + 1) * (source / target)
    pixels = np.arange(source)
    ends = np.minimum(edges[1:, None], pixels + 1)
    covered = np.clip(ends - np.maximum(edges[:-1, None], pixels), 0, None)
    return (covered * (target / source)).astype(np.float32)


def _linear_weights(source: int, target: int) -> npt.NDArray[np.float32]:
    """Linear interpolation between pixel centres, which lie at half integers."""
    centres = (np.arange(target) + 0.5) * (source / target) - 0.5
    distance = np.abs(np.clip(centres, 0, source - 1)[:, None] - np.arange(source))
    return np.clip(1 - distance, 0, None).astype(np.float32)


def nearest_pixels(source: int, target: int) -> npt.NDArray[np.int64]:
    """For each of `target` pixels the one of `source` that :func:`resize_nearest` takes."""
    positions = np.arange(source, dtype=np.float32)[None]
    taken = cv2.resize(positions, (target, 1), interpolation=cv2.INTER_NEAREST_EXACT)
    return taken[0].astype(np.int64)
