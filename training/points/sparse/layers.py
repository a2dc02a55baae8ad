# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Layers of sparse networks, with the weights' names and shapes of MinkowskiEngine."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from training.points.sparse.voxel_pyramid import SparseTensor


class SparseConvolution(nn.Module):
    """Convolution of occupied voxels.

    The weight is called ``kernel``, [kernel_size ** 3, c_in, c_out] in the order of
    :class:`~training.points.sparse.voxel_pyramid.VoxelPyramid`, and [c_in, c_out] for kernels of
    one voxel that keep the stride; ``bias`` is [1, c_out].

    Args:
        in_channels: c_in.
        out_channels: c_out.
        kernel_size: along each axis.
        stride: 1, or 2 for an output (transposed: an input) of twice the stride.
        transposed: from coarse voxels to fine ones.
        bias: whether there is one.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        transposed: bool = False,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.transposed = kernel_size, stride, transposed
        volume = kernel_size**3
        shape = (in_channels, out_channels)
        self.kernel = nn.Parameter(
            torch.empty(shape if volume == 1 and stride == 1 else (volume, *shape))
        )
        self.bias = nn.Parameter(torch.zeros(1, out_channels)) if bias else None
        # He initialisation by the fan-out, as the published networks' (fan-in where transposed)
        fan = (in_channels if transposed else out_channels) * volume
        nn.init.normal_(self.kernel, 0.0, math.sqrt(2.0 / fan))

    def forward(self, voxels: SparseTensor) -> SparseTensor:
        """Output at the same, twice or half the stride."""
        stride = voxels.stride
        out = stride // self.stride if self.transposed else stride * self.stride
        kernel = self.kernel if self.kernel.ndim == 3 else self.kernel[None]
        features = voxels.pyramid.convolve(voxels.features, kernel, self.kernel_size, stride, out)
        if self.bias is not None:
            features = features + self.bias
        return SparseTensor(features, voxels.pyramid, out)


class SparseBatchNorm(nn.Module):
    """Batch normalisation of voxels' features; its statistics are named ``bn.*``."""

    def __init__(self, channels: int, momentum: float) -> None:
        super().__init__()
        self.bn = nn.BatchNorm1d(channels, momentum=momentum)

    def forward(self, voxels: SparseTensor) -> SparseTensor:
        """Normalised features of the same voxels."""
        return voxels.replace(self.bn(voxels.features))


def relu(voxels: SparseTensor) -> SparseTensor:
    """Features with those below 0 set to 0."""
    return voxels.replace(torch.relu(voxels.features))


def concatenate(one: SparseTensor, other: SparseTensor) -> SparseTensor:
    """Both features of the same voxels, those of `one` first."""
    features: list[Tensor] = [one.features, other.features]
    return one.replace(torch.cat(features, 1))
