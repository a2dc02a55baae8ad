# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The engine in plain PyTorch: sorted keys, searched for neighbours; any device."""

from __future__ import annotations

import torch
from torch import Tensor

from training.points.sparse.kernel_maps import KernelMap, SortedVoxels, build_kernel_map
from training.points.sparse.packed_voxels import pack, round_down, unpack
from training.points.sparse.plain_convolution import convolve_by_map
from training.points.sparse.voxel_pyramid import (
    VoxelError,
    VoxelPyramid,
    check_stride,
    check_strides,
    check_voxels,
)


class PlainPyramid(VoxelPyramid):
    """Voxels for convolution without a library; maps are built at first use and kept.

    Args:
        coordinates: int32 [n, 4], scene in the batch, x, y, z; each voxel once, in any order.

    Raises:
        VoxelError: if there is no voxel, one is out of range, or one is there twice.
    """

    def __init__(self, coordinates: Tensor) -> None:
        check_voxels(coordinates)
        keys = pack(coordinates)
        if bool((keys[1:] > keys[:-1]).all()):
            finest = SortedVoxels(keys)
        else:
            finest = SortedVoxels(*torch.sort(keys))
            if not bool((finest.keys[1:] > finest.keys[:-1]).all()):
                raise VoxelError("a voxel is there twice; voxels must be unique")
        self._levels = {1: finest}
        self._maps: dict[tuple[int, int, int], KernelMap] = {}

    def coordinates(self, stride: int) -> Tensor:  # noqa: D102
        return unpack(self._level(stride).keys_by_row())

    def convolve(  # noqa: D102
        self, features: Tensor, kernel: Tensor, kernel_size: int, from_stride: int, to_stride: int
    ) -> Tensor:
        check_strides(from_stride, to_stride)
        if kernel_size == 1 and from_stride == to_stride:
            return features @ kernel[0]
        return convolve_by_map(features, kernel, self._map(kernel_size, from_stride, to_stride))

    def _level(self, stride: int) -> SortedVoxels:
        check_stride(stride)
        if stride not in self._levels:
            finer = self._level(stride // 2)
            self._levels[stride] = SortedVoxels(torch.unique(round_down(finer.keys, stride)))
        return self._levels[stride]

    def _map(self, kernel_size: int, from_stride: int, to_stride: int) -> KernelMap:
        key = (kernel_size, from_stride, to_stride)
        if key not in self._maps:
            if from_stride > to_stride:
                self._maps[key] = self._map(kernel_size, to_stride, from_stride).transposed
            else:
                self._maps[key] = build_kernel_map(
                    self._level(from_stride), self._level(to_stride), kernel_size, from_stride
                )
        return self._maps[key]
