# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The interface of sparse convolution: occupied voxels at several strides, and convolution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

LARGEST_COORDINATE = 2**15 - 1
"""Of voxels, either side of 0."""
LARGEST_SCENE = 2**12 - 1
"""Number of a scene in a batch."""
LARGEST_STRIDE = 2**12
"""Coarser voxels than that cover whole buildings."""


class VoxelError(ValueError):
    """Voxels can't be convolved; the message is one sentence."""


class VoxelPyramid(ABC):
    """Occupied voxels of a batch of scenes, and coarser ones that cover them.

    A voxel of stride s lies at multiples of s and covers s voxels along each axis: coarser
    coordinates are rounded down (floor), as in MinkowskiEngine. Features are rows of a matrix in
    the order of :meth:`coordinates`; at stride 1 that is the order given.

    Kernel offsets are in the order of MinkowskiEngine's region HYPERCUBE: x changes fastest, then
    y, then z. Odd kernels are centred; even ones reach from 0 to k - 1 (times the finer stride).
    """

    @abstractmethod
    def coordinates(self, stride: int) -> Tensor:
        """Voxels of a stride (1, 2, 4 ...): int32 [n, 4], scene in the batch, x, y, z.

        They are multiples of `stride`, in units of the voxels of stride 1, each once.
        """

    @abstractmethod
    def convolve(
        self, features: Tensor, kernel: Tensor, kernel_size: int, from_stride: int, to_stride: int
    ) -> Tensor:
        """Sum over the kernel's offsets of the occupied neighbours' features times weights.

        Where `to_stride` is smaller, the convolution is transposed: the map of the strided one
        from `to_stride` to `from_stride`, with inputs and outputs exchanged.

        Args:
            features: [n, c_in], of the voxels of `from_stride`.
            kernel: [kernel_size ** 3, c_in, c_out].
            kernel_size: along each axis.
            from_stride: of the input.
            to_stride: of the output: the same, twice or half of it.

        Returns:
            [m, c_out], of the voxels of `to_stride`; differentiable by features and kernel.

        Raises:
            VoxelError: if voxels can't have these strides.
        """


@dataclass(frozen=True, eq=False)
class SparseTensor:
    """Features of occupied voxels.

    Attributes:
        features: [n, c], rows in the order of the pyramid's coordinates at `stride`.
        pyramid: where the voxels are.
        stride: of the voxels.
    """

    features: Tensor
    pyramid: VoxelPyramid
    stride: int = 1

    def replace(self, features: Tensor) -> SparseTensor:
        """Other features of the same voxels."""
        return SparseTensor(features, self.pyramid, self.stride)


def kernel_offsets(kernel_size: int) -> Tensor:
    """Offsets of a kernel, int64 [kernel_size ** 3, 3] as x, y, z, in the order of its weights."""
    first = -(kernel_size // 2) if kernel_size % 2 else 0
    along = range(first, first + kernel_size)
    return torch.tensor([(x, y, z) for z, y, x in product(along, along, along)])


def check_voxels(coordinates: Tensor) -> None:
    """Refuse what no engine can convolve.

    Args:
        coordinates: int32 or int64 [n, 4], scene in the batch, x, y, z.

    Raises:
        VoxelError: if there is none, or one is out of range.
    """
    whole = coordinates.dtype in (torch.int32, torch.int64)
    if coordinates.ndim != 2 or coordinates.shape[1] != 4 or not whole:
        raise VoxelError(
            "voxels are whole numbers (int32 or int64) [n, 4], "
            f"not {coordinates.dtype} {list(coordinates.shape)}"
        )
    if not len(coordinates):
        raise VoxelError("there are no voxels to convolve")
    # no abs(): that of the least integer is itself
    low, high = (bound.tolist() for bound in torch.aminmax(coordinates, dim=0))
    if low[0] < 0 or high[0] > LARGEST_SCENE:
        scene = low[0] if low[0] < 0 else high[0]
        raise VoxelError(f"a voxel is of scene {scene} of its batch; they go to {LARGEST_SCENE}")
    furthest = max(*low[1:], *high[1:], key=abs)
    if abs(furthest) > LARGEST_COORDINATE:
        raise VoxelError(
            f"a voxel's coordinate is {furthest}, beyond {LARGEST_COORDINATE}; use larger voxels, "
            "or check the unit of the points, which is metres"
        )


def check_stride(stride: int) -> None:
    """Refuse strides that voxels can't have.

    Raises:
        VoxelError: if it is no power of two up to `LARGEST_STRIDE`.
    """
    if stride < 1 or stride & (stride - 1) or stride > LARGEST_STRIDE:
        raise VoxelError(
            f"voxels can't have the stride {stride}; it is a power of two up to {LARGEST_STRIDE}"
        )


def check_strides(from_stride: int, to_stride: int) -> None:
    """Refuse convolution between strides that are neither the same nor one next to the other.

    Raises:
        VoxelError: if they are.
    """
    if from_stride not in (to_stride, 2 * to_stride) and to_stride != 2 * from_stride:
        raise VoxelError(
            f"there is no convolution from stride {from_stride} to {to_stride}; the output's is "
            "the same, twice or half the input's"
        )
