# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Res16UNet: a U-Net of sparse convolutions with residual blocks, down to stride 16.

From Choy, Gwak and Savarese, "4D Spatio-Temporal ConvNets: Minkowski Convolutional Neural
Networks", CVPR 2019. Weights have the names and shapes of the published code's.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from training.points.networks.point_network import (
    PointNetwork,
    PointNetworkError,
    PointOutput,
)
from training.points.sparse.engines import ENGINES, open_pyramid
from training.points.sparse.layers import SparseBatchNorm, SparseConvolution, concatenate, relu
from training.points.sparse.voxel_pyramid import SparseTensor

_FIRST_WIDTH = 32
_BLOCK_MOMENTUM = 0.1
"""Of the blocks' own two norms: the published code gives `bn_momentum` to all others only."""
CONV1_KERNEL_SIZES = (3, 5)


@dataclass(frozen=True)
class Res16UNetShape:
    """What distinguishes the networks of the family.

    Attributes:
        planes: channels of blocks 1 to 8: four that go down, four that go up.
        layers: residual blocks in each of them.
    """

    planes: tuple[int, ...]
    layers: tuple[int, ...]


_WIDE_PLANES = (32, 64, 128, 256, 256, 256, 256, 256)
RES16UNET_SHAPES = {
    "res16unet18": Res16UNetShape(_WIDE_PLANES, (2,) * 8),
    "res16unet34": Res16UNetShape(_WIDE_PLANES, (2, 3, 4, 6, 2, 2, 2, 2)),
    "res16unet14a": Res16UNetShape((32, 64, 128, 256, 128, 128, 96, 96), (1,) * 8),
    "res16unet18a": Res16UNetShape((32, 64, 128, 256, 128, 128, 96, 96), (2,) * 8),
    "res16unet34c": Res16UNetShape((32, 64, 128, 256, 256, 128, 96, 96), (2, 3, 4, 6, 2, 2, 2, 2)),
}


class ResidualBlock(nn.Module):
    """Two 3x3x3 convolutions beside a shortcut, 1x1x1 where the channels change."""

    def __init__(self, in_channels: int, channels: int, bn_momentum: float) -> None:
        super().__init__()
        self.conv1 = SparseConvolution(in_channels, channels, 3)
        self.norm1 = SparseBatchNorm(channels, _BLOCK_MOMENTUM)
        self.conv2 = SparseConvolution(channels, channels, 3)
        self.norm2 = SparseBatchNorm(channels, _BLOCK_MOMENTUM)
        self.downsample = (
            None
            if in_channels == channels
            else nn.Sequential(
                SparseConvolution(in_channels, channels, 1), SparseBatchNorm(channels, bn_momentum)
            )
        )

    def forward(self, voxels: SparseTensor) -> SparseTensor:
        """Features of the same voxels, none below 0."""
        shortcut = voxels if self.downsample is None else self.downsample(voxels)
        inner = relu(self.norm1(self.conv1(voxels)))
        inner = self.norm2(self.conv2(inner))
        return relu(inner.replace(inner.features + shortcut.features))


class Res16UNet(PointNetwork):
    """A network of the family; a feature and scores for each voxel.

    Args:
        shape: key of `RES16UNET_SHAPES`.
        num_classes: of the classifier.
        in_channels: of the voxels' features: 3 for colours, 6 for colours and positions.
        conv1_kernel_size: of the first convolution, 3 or 5.
        bn_momentum: of the batch norms outside the blocks and of the shortcuts; published
            recipes: 0.02 and 0.05.
        engine: of the sparse convolution, ``plain`` or ``minkowski``.

    Raises:
        PointNetworkError: if a setting is impossible.
    """

    def __init__(
        self,
        shape: str,
        num_classes: int,
        *,
        in_channels: int = 3,
        conv1_kernel_size: int = 5,
        bn_momentum: float = 0.02,
        engine: str = "plain",
    ) -> None:
        super().__init__()
        _check(shape, num_classes, in_channels, conv1_kernel_size, bn_momentum, engine)
        planes, layers = RES16UNET_SHAPES[shape].planes, RES16UNET_SHAPES[shape].layers
        self.num_classes, self.feature_width = num_classes, planes[-1]
        self.in_channels, self.engine = in_channels, engine
        self._down: list[tuple[str, str, str]] = []
        self._up: list[tuple[str, str, str]] = []

        self.conv0p1s1 = SparseConvolution(in_channels, _FIRST_WIDTH, conv1_kernel_size)
        self.bn0 = SparseBatchNorm(_FIRST_WIDTH, bn_momentum)
        width = _FIRST_WIDTH
        skipped = [width]
        for k in range(1, 5):
            names = (f"conv{k}p{2 ** (k - 1)}s2", f"bn{k}", f"block{k}")
            self._down.append(names)
            self.add_module(names[0], SparseConvolution(width, width, 2, stride=2))
            self.add_module(names[1], SparseBatchNorm(width, bn_momentum))
            self.add_module(names[2], _blocks(width, planes[k - 1], layers[k - 1], bn_momentum))
            width = planes[k - 1]
            skipped.append(width)
        skipped.pop()
        for k in range(4, 8):
            names = (f"convtr{k}p{2 ** (8 - k)}s2", f"bntr{k}", f"block{k + 1}")
            self._up.append(names)
            upwards = SparseConvolution(width, planes[k], 2, stride=2, transposed=True)
            self.add_module(names[0], upwards)
            self.add_module(names[1], SparseBatchNorm(planes[k], bn_momentum))
            width = planes[k] + skipped.pop()
            self.add_module(names[2], _blocks(width, planes[k], layers[k], bn_momentum))
            width = planes[k]
        self.final = SparseConvolution(width, num_classes, 1, bias=True)

    def forward(self, *inputs: Tensor) -> PointOutput:
        """Features [n, width], the last block's after its ReLU, and logits of each voxel.

        Args:
            inputs: voxels int32 [n, 4] (scene in the batch, x, y, z), each once, and their
                features float [n, in_channels].

        Raises:
            PointNetworkError: if the features are not as many as the voxels, or not as wide as
                the network's input.
            VoxelError: if there is no voxel, one is out of range, or one is there twice.
        """
        voxels, features = inputs
        if features.shape != (len(voxels), self.in_channels):
            raise PointNetworkError(
                f"the network takes {self.in_channels} channels for each of {len(voxels)} voxels, "
                f"not features of the shape {list(features.shape)}"
            )
        start = SparseTensor(features, open_pyramid(voxels, self.engine))
        current = relu(self.bn0(self.conv0p1s1(start)))
        skipped = [current]
        for convolution, norm, block in self._down:
            current = relu(self._run(norm, self._run(convolution, current)))
            current = self._run(block, current)
            skipped.append(current)
        skipped.pop()
        for convolution, norm, block in self._up:
            current = relu(self._run(norm, self._run(convolution, current)))
            current = self._run(block, concatenate(current, skipped.pop()))
        return PointOutput(current.features, self.final(current).features)

    def _run(self, name: str, voxels: SparseTensor) -> SparseTensor:
        return self.get_submodule(name)(voxels)

    @property
    def classifier(self) -> tuple[Tensor, Tensor]:  # noqa: D102
        bias = self.final.bias
        if not isinstance(bias, Tensor):
            raise PointNetworkError("the classifier has no bias")
        return self.final.kernel.t(), bias[0]


def _blocks(in_channels: int, channels: int, count: int, bn_momentum: float) -> nn.Sequential:
    widths = [in_channels] + [channels] * (count - 1)
    return nn.Sequential(*(ResidualBlock(width, channels, bn_momentum) for width in widths))


def _check(
    shape: str,
    num_classes: int,
    in_channels: int,
    conv1_kernel_size: int,
    bn_momentum: float,
    engine: str,
) -> None:
    if shape not in RES16UNET_SHAPES:
        raise PointNetworkError(
            f"there is no Res16UNet '{shape}'; there are {', '.join(RES16UNET_SHAPES)}"
        )
    if num_classes < 1 or in_channels < 1:
        raise PointNetworkError(
            f"a Res16UNet needs at least one class and one input channel, not {num_classes} and "
            f"{in_channels}"
        )
    if conv1_kernel_size not in CONV1_KERNEL_SIZES:
        raise PointNetworkError(
            f"conv1_kernel_size is {conv1_kernel_size}; the first convolution's kernel is 3 or 5"
        )
    if not 0.0 < bn_momentum <= 1.0:
        raise PointNetworkError(f"bn_momentum is {bn_momentum}, not above 0 and at most 1")
    if engine not in ENGINES:
        raise PointNetworkError(f"there is no engine '{engine}'; there are {', '.join(ENGINES)}")
