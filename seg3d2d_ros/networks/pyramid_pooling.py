# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Pyramid pooling (Zhao et al., "Pyramid Scene Parsing Network", CVPR 2017, Section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seg3d2d_ros.networks.full_precision import full_precision

BINS = (1, 2, 3, 6)


def averaging_matrix(bins: int, like: Tensor, dimension: int) -> Tensor:
    """Adaptive average pooling of one dimension as a matrix [bins, size].

    Bin b holds what lies from floor(b size / bins) to before ceil((b + 1) size / bins).

    Args:
        bins: their number.
        like: has the device and type of the result.
        dimension: of `like`, whose size is meant; it may be unknown while a graph is traced.
    """
    size = like.shape[dimension]
    position = torch.arange(size, device=like.device)
    bin_ = torch.arange(bins, device=like.device).view(-1, 1)
    start = torch.div(bin_ * size, bins, rounding_mode="floor")
    end = torch.div((bin_ + 1) * size + bins - 1, bins, rounding_mode="floor")
    inside = ((position >= start) & (position < end)).to(like.dtype)
    return inside / inside.sum(1, keepdim=True)


def upsampling_matrix(bins: int, like: Tensor, dimension: int) -> Tensor:
    """Linear interpolation from `bins` values to a dimension, corners aligned: [size, bins].

    Args:
        bins: number of values.
        like: has the device and type of the result.
        dimension: of `like`, whose size is meant.
    """
    size = like.shape[dimension]
    position = torch.arange(size, device=like.device, dtype=torch.float32)
    # with a single position the first value is taken, as in torch.nn.functional.interpolate
    place = position * ((bins - 1) / (position[-1:] + (position[-1:] == 0)))
    bin_ = torch.arange(bins, device=like.device, dtype=torch.float32)
    return (1 - (place.view(-1, 1) - bin_).abs()).clamp(min=0).to(like.dtype)


class PyramidPooling(nn.Module):
    """Features beside their averages over the image in grids of 1, 2, 3 and 6 by as many bins.

    Pooling and upsampling are products with small matrices, which are made for the size at hand:
    unlike adaptive pooling they export for any size, also one that the bins do not divide.

    Args:
        in_channels: C.
        channels: of each grid.
        bins: a grid's, along each side.
    """

    def __init__(self, in_channels: int, channels: int, bins: Sequence[int] = BINS) -> None:
        super().__init__()
        self.bins = tuple(bins)
        self.reduce = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()
            )
            for _ in self.bins
        )
        self.out_channels = in_channels + channels * len(self.bins)

    def forward(self, features: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C + channels * grids, H, W]."""
        maps = [features]
        # 1/60 is off by a third of a percent in bf16; the products themselves cost little
        values = features.float()
        for bins, reduce in zip(self.bins, self.reduce, strict=True):
            with full_precision(features):
                rows, columns = (averaging_matrix(bins, values, side) for side in (2, 3))
                averages = (rows @ values @ columns.T).to(features.dtype)
            averages = reduce(averages)
            with full_precision(features):
                rows, columns = (upsampling_matrix(bins, values, side) for side in (2, 3))
                maps.append((rows @ averages.float() @ columns.T).to(averages.dtype))
        return torch.cat(maps, 1)
