# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The multi-scale test with sliding windows of PSPNet, by which the paper's tables were measured.

Zhao et al., CVPR 2017, as in the published code of 3D-to-2D distillation: softmax of every crop,
averaged over its flip, then over overlapping crops, resized to the image, averaged over scales.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from training.engine.image_sides import check_sides
from training.engine.settings import ExperimentError
from training.engine.whole_image import add_resized, crop_probabilities, most_probable

PUBLISHED_SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
_MOST_PIXELS = 1 << 26
"""Of a scaled image, whose probabilities are held in memory."""


@dataclass(frozen=True)
class SlidingWindowConfig:
    """Settings of the sliding-window test; the defaults are the published ones.

    Attributes:
        base_size: longer side of the image at scale 1, pixels.
        scales: of the image, each counts the same.
        crop: height and width of the windows.
        stride_share: distance from one window to the next as a part of the crop, rounded up; the
            last window ends where the image does.
        flip: whether mirrored windows are parsed as well.
        windows: parsed at a time, which bounds the memory.

    Raises:
        ExperimentError: if a setting is impossible.
    """

    base_size: int = 1297
    scales: tuple[float, ...] = PUBLISHED_SCALES
    crop: tuple[int, int] = (473, 473)
    stride_share: float = 2 / 3
    flip: bool = True
    windows: int = 4

    def __post_init__(self) -> None:
        if self.base_size < 1 or min(self.crop) < 1 or self.windows < 1:
            raise ExperimentError("base size, crop and windows must be whole numbers above 0")
        if not self.scales or not all(0 < scale < math.inf for scale in self.scales):
            raise ExperimentError(f"scales are {list(self.scales)}, they must be numbers above 0")
        if not 0 < self.stride_share <= 1:
            raise ExperimentError(f"the stride is {self.stride_share} crops, not above 0 to 1")

    @property
    def text(self) -> str:
        """What was done, for reports."""
        scales = ", ".join(f"{scale:g}" for scale in self.scales)
        flip = ", mirrored too" if self.flip else ""
        return (
            f"windows of {self.crop[0]}x{self.crop[1]} at scales {scales} of {self.base_size} "
            f"pixels, {self.stride_share:.3g} of a window apart{flip}"
        )

    def scaled(self, height: int, width: int, scale: float) -> tuple[int, int]:
        """Height and width of an image at a scale: its longer side is that part of the base size.

        Raises:
            ExperimentError: if that is too large to be held in memory.
        """
        longer = max(1, round(scale * self.base_size))
        if height > width:
            size = longer, max(1, round(longer / height * width))
        else:
            size = max(1, round(longer / width * height)), longer
        if size[0] * size[1] > _MOST_PIXELS:
            raise ExperimentError(
                f"an image of {width}x{height} would be tested at {size[1]}x{size[0]}; use smaller "
                "scales or a smaller base size"
            )
        return size


def window_starts(side: int, crop: int, stride_share: float) -> list[int]:
    """First rows (or columns) of the windows along a side of at least one crop."""
    stride = math.ceil(crop * stride_share)
    count = math.ceil((side - crop) / stride) + 1
    return [min(k * stride, side - crop) for k in range(count)]


class SlidingWindowPredictor:
    """Parses images by overlapping crops at several scales.

    Images smaller than the crop are padded around with the normalisation's mean. In memory are at a
    time the probabilities of one scaled image, their mean at the image's size, and some windows:
    about 4 classes (scaled pixels + image pixels) bytes.

    Args:
        graph: network and normalisation, put into evaluation mode.
        config: windows and scales.
        device: where to run.
        watch: called after every few windows of an image with how many are done, and of how many.

    Raises:
        ExperimentError: if the network can't take the crop.
    """

    def __init__(
        self,
        graph: ParsingGraph,
        config: SlidingWindowConfig,
        device: str = "cpu",
        watch: Callable[[int, int], None] | None = None,
    ) -> None:
        check_sides(graph.network, config.crop, "the crop of the sliding-window test")
        self.graph = graph.to(device).eval()
        self.config = config
        self.device = device
        self.watch = watch

    @torch.inference_mode()
    def probabilities(self, image: npt.NDArray[np.uint8]) -> Tensor:
        """Class probabilities float32 [classes, H, W] of an image (H, W, 3) uint8 RGB.

        Raises:
            ExperimentError: if the image would be too large at a scale.
        """
        height, width = image.shape[:2]
        sizes = [self.config.scaled(height, width, scale) for scale in self.config.scales]
        count = sum(len(self._windows(self._padded(size))) for size in sizes)
        done = self._counter(count)
        pixels = image.astype(np.float32)
        total: Tensor | None = None
        for size in sizes:
            scaled = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_LINEAR)
            parsed = self._scale_probabilities(scaled, done)
            if total is None:
                total = parsed.new_zeros((len(parsed), height, width))
            add_resized(total, parsed)
        assert total is not None
        return total.div_(len(sizes))

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Labels (H, W) at the image's own size."""
        return most_probable(self.graph, self.probabilities(image))

    def _padded(self, size: tuple[int, int]) -> tuple[int, int]:
        return max(size[0], self.config.crop[0]), max(size[1], self.config.crop[1])

    def _windows(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """First row and column of every window of a padded image."""
        share = self.config.stride_share
        rows, columns = (
            window_starts(side, crop, share)
            for side, crop in zip(size, self.config.crop, strict=True)
        )
        return list(itertools.product(rows, columns))

    def _counter(self, count: int) -> Callable[[int], None]:
        finished = 0

        def done(more: int) -> None:
            nonlocal finished
            finished += more
            if self.watch is not None:
                self.watch(finished, count)

        return done

    def _scale_probabilities(
        self, image: npt.NDArray[np.float32], done: Callable[[int], None]
    ) -> Tensor:
        """Probabilities [classes, h, w] of a scaled image, the mean over its windows."""
        height, width = image.shape[:2]
        padded = self._padded((height, width))
        above, left = (padded[0] - height) // 2, (padded[1] - width) // 2
        canvas = self.graph.mean.view(3).expand(*padded, 3).clone()
        canvas[above : above + height, left : left + width] = torch.from_numpy(image)
        windows = self._windows(padded)
        rows, columns = self.config.crop
        total: Tensor | None = None
        counts = canvas.new_zeros(padded)
        for some in _chunks(windows, self.config.windows):
            crops = torch.stack([canvas[v : v + rows, u : u + columns] for v, u in some])
            for (v, u), parsed in zip(
                some, crop_probabilities(self.graph, crops, self.config.flip), strict=True
            ):
                if total is None:
                    total = parsed.new_zeros((len(parsed), *padded))
                total[:, v : v + rows, u : u + columns] += parsed
                counts[v : v + rows, u : u + columns] += 1
            done(len(some))
        assert total is not None
        total /= counts
        return total[:, above : above + height, left : left + width]


def _chunks(windows: list[tuple[int, int]], size: int) -> Iterator[list[tuple[int, int]]]:
    for start in range(0, len(windows), size):
        yield windows[start : start + size]
