# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Object-contextual representations (Yuan, Chen and Wang, ECCV 2020), widths as with HRNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seg3d2d_ros.networks.full_precision import full_precision


def _conv_norm_relu(in_channels: int, out_channels: int, repeats: int = 1) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(repeats):
        layers += [
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        ]
        in_channels = out_channels
    return nn.Sequential(*layers)


class ObjectContext(nn.Module):
    """Adds to every position what the regions of the classes look like that it is like.

    Args:
        channels: of features.
        keys: channels in which positions and regions are compared.
        dropout: probability with which a channel of the result is dropped in training.
    """

    def __init__(self, channels: int = 512, keys: int = 256, dropout: float = 0.05) -> None:
        super().__init__()
        self.keys = keys
        self.of_position = _conv_norm_relu(channels, keys, 2)
        self.of_region = _conv_norm_relu(channels, keys, 2)
        self.content = _conv_norm_relu(channels, keys)
        self.widen = _conv_norm_relu(keys, channels)
        self.join = nn.Sequential(*_conv_norm_relu(2 * channels, channels), nn.Dropout2d(dropout))

    def forward(self, features: Tensor, regions: Tensor) -> Tensor:
        """Features with their context.

        Args:
            features: [N, channels, h, w].
            regions: logits of soft object regions, [N, classes, h, w].

        Returns:
            [N, channels, h, w].
        """
        # (8): a region's representation is the mean of the features, weighted by its softmax
        # over positions
        # in fp32: the weights of many positions are smaller than halves hold
        with full_precision(features):
            weights = torch.softmax(regions.flatten(2).float(), 2)
            region = weights @ features.flatten(2).transpose(1, 2).float()
        region = region.to(features.dtype).transpose(1, 2).unsqueeze(3)
        query = self.of_position(features).flatten(2).transpose(1, 2)
        key = self.of_region(region).squeeze(3)
        content = self.content(region).squeeze(3).transpose(1, 2)
        relation = torch.softmax((query * self.keys**-0.5) @ key, 2)
        context = (relation @ content).transpose(1, 2)
        context = context.reshape(features.shape[0], self.keys, *features.shape[2:])
        return self.join(torch.cat([self.widen(context), features], 1))
