# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Dilated ResNet with a deep stem, the encoder of PSPNet.

He et al., CVPR 2016; the stem of three 3x3 convolutions and the dilation are those of PSPNet (Zhao
et al., CVPR 2017) as in its authors' PyTorch code, semseg.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from seg3d2d_ros.networks.imagenet_statistics import IMAGENET_RGB_MEAN, IMAGENET_RGB_STD

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Bottlenecks of the four stages, by the network's depth."""
_STEM = 64
_EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut; the 3x3 has stride and dilation."""

    def __init__(self, in_channels: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        channels = width * _EXPANSION
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, features: Tensor) -> Tensor:
        """Map [N, in_channels, H, W] to [N, 4 width, H / stride, W / stride]."""
        inner = self.relu(self.bn1(self.conv1(features)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        return self.relu(self.bn3(self.conv3(inner)) + self.downsample(features))


class DilatedResNet(nn.Module):
    """Features at an eighth of the image's size.

    Every 3x3 convolution of the third stage is dilated by 2, of the fourth by 4, in place of these
    stages' strides. Feature i lies at pixel 8 i.

    Args:
        depth: 50 or 101.

    Raises:
        ValueError: if there is no such depth.
    """

    channels = (256, 512, 1024, 2048)
    """Of the stages."""
    pixel_mean = IMAGENET_RGB_MEAN
    pixel_std = IMAGENET_RGB_STD

    def __init__(self, depth: int = 50) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(f"depth is {depth!r}, it must be of {', '.join(map(str, BLOCKS))}")
        self.depth = depth
        stem: list[nn.Module] = []
        widths = (3, _STEM, _STEM, 2 * _STEM)
        for k, (before, after) in enumerate(pairwise(widths)):
            stem += [
                nn.Conv2d(before, after, 3, 1 if k else 2, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        self.stem = nn.Sequential(*stem, nn.MaxPool2d(3, 2, 1))
        self.stages = nn.ModuleList()
        channels = widths[-1]
        for k, count in enumerate(BLOCKS[depth]):
            width, stride, dilation = _STEM << k, (1, 2, 1, 1)[k], (1, 1, 2, 4)[k]
            blocks = [Bottleneck(channels, width, stride, dilation)]
            channels = width * _EXPANSION
            blocks += [Bottleneck(channels, width, 1, dilation) for _ in range(count - 1)]
            self.stages.append(nn.Sequential(*blocks))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> list[Tensor]:
        """Features of the four stages; the last three are [N, C, ceil(H / 8), ceil(W / 8)].

        Args:
            image: normalised, [N, 3, H, W].
        """
        features = self.stem(image)
        stages = []
        for stage in self.stages:
            features = stage(features)
            stages.append(features)
        return stages


def semseg_name(name: str) -> str:
    """What semseg's ImageNet files call one of :class:`DilatedResNet`'s weights."""
    part, place, rest = name.split(".", 2)
    if part == "stages":
        return f"layer{int(place) + 1}.{rest}"
    number, kind = divmod(int(place), 3)
    return f"{('conv', 'bn')[kind]}{number + 1}.{rest}"
