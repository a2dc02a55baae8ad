# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The whole-image test: one size for all images, one forward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from seg3d2d_ros.networks.upsampling import upsample
from training.engine.image_sides import check_sides


@dataclass(frozen=True)
class WholeImageConfig:
    """Settings of the whole-image test.

    Attributes:
        size: height and width to which every image is brought, whatever its aspect; by default
            those of the paper's Table 3.
        flip: whether the mirrored image is parsed as well and both are averaged.
    """

    size: tuple[int, int] = (384, 768)
    flip: bool = False

    @property
    def text(self) -> str:
        """What was done, for reports."""
        return f"whole images at {self.size[0]}x{self.size[1]}{', mirrored too' * self.flip}"


def crop_probabilities(graph: ParsingGraph, images: Tensor, flip: bool) -> Tensor:
    """Class probabilities of every pixel: softmax of upsampled logits, then the mean over flips.

    Args:
        graph: network and normalisation.
        images: RGB [N, H, W, 3], 0 to 255, of sides that the network takes.
        flip: whether the mirrored images are parsed as well.

    Returns:
        float32 [N, classes, H, W].
    """
    count, height, width = images.shape[:3]
    if flip:
        images = torch.cat([images, images.flip(2)])
    logits = graph.logits(images)
    pixels = upsample(logits.float(), graph.stride, graph.align_corners, height, width)
    probabilities = torch.softmax(pixels, 1)
    if flip:
        probabilities = (probabilities[:count] + probabilities[count:].flip(3)) / 2
    return probabilities


def add_resized(total: Tensor, probabilities: Tensor) -> None:
    """Add maps to those of another size, bilinearly resized, class by class.

    Args:
        total: [classes, H, W], changed in place.
        probabilities: [classes, h, w].
    """
    size = total.shape[1:]
    if probabilities.shape[1:] == size:
        total += probabilities
        return
    for into, values in zip(total, probabilities, strict=True):  # one map more in memory, not all
        resized = F.interpolate(values[None, None], size, mode="bilinear", align_corners=False)
        into.add_(resized[0, 0])


class WholeImagePredictor:
    """Parses whole images at one size; the labels are at the image's own size.

    Images are averaged over areas where they shrink, as data sets of a stated size are read.
    Probabilities go back to the image's size bilinearly before the largest is taken.

    Args:
        graph: network and normalisation, put into evaluation mode.
        config: size and flip.
        device: where to run.

    Raises:
        ExperimentError: if the network can't take the size.
    """

    def __init__(self, graph: ParsingGraph, config: WholeImageConfig, device: str = "cpu") -> None:
        check_sides(graph.network, config.size, "the size of the whole-image test")
        self.graph = graph.to(device).eval()
        self.config = config
        self.device = device

    @torch.inference_mode()
    def probabilities(self, image: npt.NDArray[np.uint8]) -> Tensor:
        """Class probabilities float32 [classes, H, W] of an image (H, W, 3) uint8 RGB."""
        height, width = self.config.size
        if image.shape[:2] != self.config.size:
            shrinks = height <= image.shape[0] and width <= image.shape[1]
            way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            resized = cv2.resize(image, (width, height), interpolation=way)
        else:
            resized = image
        batch = torch.from_numpy(np.ascontiguousarray(resized))[None].to(self.device)
        parsed = crop_probabilities(self.graph, batch, self.config.flip)[0]
        total = parsed.new_zeros((len(parsed), *image.shape[:2]))
        add_resized(total, parsed)
        return total

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Labels (H, W) at the image's own size."""
        return most_probable(self.graph, self.probabilities(image))


def most_probable(graph: ParsingGraph, probabilities: Tensor) -> npt.NDArray[Any]:
    """Labels (H, W) of probabilities [classes, H, W], in the graph's type."""
    return probabilities.argmax(0).to(graph.label_type).cpu().numpy()
