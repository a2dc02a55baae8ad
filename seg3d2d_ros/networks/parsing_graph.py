# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The whole path from pixels to labels as one module, the one that is exported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from seg3d2d_ros.networks.parsing_outputs import ParsingOutputs
from seg3d2d_ros.networks.registry import (
    ParsingNetwork,
    aligns_corners,
    count_classes,
    geometry,
)
from seg3d2d_ros.networks.upsampling import upsample


def _winner(maps: Tensor) -> Tensor:
    """Arg-max over dimension 1 of [N, C, H, W]; of equal values the first wins.

    By comparing with the maximum: OpenVINO runs an arg-max over planes as a top-k, which takes
    longer (the whole graph 22 ms where it takes 19 ms this way, on two cores).
    """
    # Beyond 256 ids the half-precision formats that a runtime may choose can't hold them all.
    kind = maps.dtype if maps.shape[1] <= 256 else torch.int32
    ids = torch.arange(maps.shape[1], dtype=kind, device=maps.device).view(1, -1, 1, 1)
    highest = maps.amax(1, keepdim=True)
    return torch.where(maps >= highest, ids, ids[:, -1:]).amin(1)


class ParsingGraph(nn.Module):
    """Normalisation, network, bilinear upsampling and arg-max.

    Args:
        network: maps a normalised image to logits at its output stride.
        mean: three values subtracted from RGB 0-255.
        std: three values that divide the difference.
        temperature: divides the logits before the softmax of the confidence (Guo 2017).
    """

    def __init__(
        self, network: nn.Module, mean: Sequence[float], std: Sequence[float], temperature: float
    ) -> None:
        super().__init__()
        self.network = network
        self.stride = geometry(network)[0]
        self.align_corners = aligns_corners(network)
        self.temperature = temperature
        self.dtype = torch.float32
        self.label_type = torch.uint8 if count_classes(network) <= 255 else torch.int32
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("scale", 1 / torch.tensor(std, dtype=torch.float32).view(1, 3, 1, 1))

    def normalised(self, image: Tensor) -> Tensor:
        """What the network takes, [N, 3, H, W], of an RGB image [N, H, W, 3], 0 to 255."""
        planes = image.permute(0, 3, 1, 2).to(torch.float32)
        return (planes - self.mean) * self.scale

    def logits(self, image: Tensor) -> Tensor:
        """Logits [N, classes, H / stride, W / stride] of an RGB image [N, H, W, 3], 0 to 255."""
        normalised = self.normalised(image)
        if self.dtype == torch.float32:
            return self.network(normalised)
        return self.network(normalised.to(self.dtype)).to(torch.float32)

    def outputs(self, image: Tensor) -> ParsingOutputs:
        """Everything that training needs, of RGB images [N, H, W, 3], 0 to 255, of any size."""
        network = cast(ParsingNetwork, self.network)
        return network.outputs(self.normalised(image).to(self.dtype))

    def compute_in(self, dtype: torch.dtype) -> ParsingGraph:
        """Convert the network; normalisation and what follows the logits stay in fp32."""
        self.network.to(dtype)
        self.dtype = dtype
        return self

    def upsampled(self, maps: Tensor, size: Sequence[int]) -> Tensor:
        """Maps [N, C, h, w] at the output stride brought to an image's height and width."""
        return upsample(maps, self.stride, self.align_corners, size[0], size[1])

    def _upsample(self, maps: Tensor) -> Tensor:
        return self.upsampled(maps, [side * self.stride for side in maps.shape[2:]])

    def labels(self, logits: Tensor) -> Tensor:
        """Class ids [N, H, W] of logits, uint8 (int32 beyond 255 classes)."""
        return _winner(self._upsample(logits)).to(self.label_type)

    def confidence(self, logits: Tensor) -> Tensor:
        """Probability of the winning class, uint8 [N, H, W].

        255 times the largest softmax value at the output stride, upsampled.
        """
        certainty = torch.softmax(logits / self.temperature, 1).amax(1, keepdim=True)
        return torch.round(self._upsample(certainty)[:, 0] * 255.0).to(torch.uint8)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`labels` and :meth:`confidence` of uint8 RGB images [N, H, W, 3].

        H and W are multiples of the network's.
        """
        logits = self.logits(image)
        return self.labels(logits), self.confidence(logits)
