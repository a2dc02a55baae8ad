# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A feature-pyramid decoder with global context (Lin 2017; Kirillov 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from seg3d2d_ros.networks.efficientnet_lite import SamePaddedConv


def conv_norm_relu(in_channels: int, out_channels: int, kernel: int, groups: int = 1) -> nn.Module:
    """Convolution that keeps the size, batch norm, ReLU."""
    return nn.Sequential(
        SamePaddedConv(in_channels, out_channels, kernel, groups=groups),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


class GlobalContext(nn.Module):
    """Adds what the whole image holds to every position of the coarsest features.

    Which room it is says much about what a surface can be; the image mean carries that, and unlike
    pyramid pooling it exports for any input size.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.local = conv_norm_relu(in_channels, channels, 1)
        self.scene = nn.Conv2d(in_channels, channels, 1)
        self.spread = conv_norm_relu(channels, channels, 5, groups=channels)
        self.mix = conv_norm_relu(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, channels, H, W]."""
        local = self.local(features) + self.scene(features.mean((2, 3), keepdim=True))
        return self.mix(local + self.spread(local))


class FeaturePyramid(nn.Module):
    """Fuses features of strides 4 to 32 into one map at stride 4."""

    def __init__(self, in_channels: Sequence[int], width: int) -> None:
        super().__init__()
        *finer, coarsest = in_channels
        self.context = GlobalContext(coarsest, width)
        self.lateral = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in finer)
        self.smooth = nn.ModuleList(conv_norm_relu(width, width, 3) for _ in finer)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Fuse maps ordered fine to coarse, each half the size of the one before.

        Returns:
            [N, width, H, W] at the size of the first.
        """
        fused = self.context(features[-1])
        for level in range(len(self.lateral) - 1, -1, -1):
            fused = F.interpolate(fused, scale_factor=2.0, mode="bilinear", align_corners=False)
            fused = self.smooth[level](fused + self.lateral[level](features[level]))
        return fused
