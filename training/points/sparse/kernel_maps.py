# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which input voxel meets which output voxel under which weight of a kernel."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from training.points.sparse.packed_voxels import pack_offset
from training.points.sparse.voxel_pyramid import kernel_offsets


@dataclass(frozen=True, eq=False)
class SortedVoxels:
    """Voxels of one stride, for searching.

    Attributes:
        keys: int64 [n], ascending, each once.
        rows: int64 [n], row of the features of each key; None where rows are in the keys' order.
    """

    keys: Tensor
    rows: Tensor | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, keys: Tensor) -> Tensor:
        """Row of each key, int64; `len(self)` where there is no such voxel."""
        place = torch.searchsorted(self.keys, keys).clamp_(max=len(self.keys) - 1)
        there = self.keys[place] == keys
        if self.rows is not None:
            place = self.rows[place]
        return torch.where(there, place, len(self.keys))

    def keys_by_row(self) -> Tensor:
        """Keys in the order of the features' rows."""
        if self.rows is None:
            return self.keys
        keys = torch.empty_like(self.keys)
        keys[self.rows] = self.keys
        return keys


@dataclass(frozen=True, eq=False)
class KernelMap:
    """Input rows by output row and offset.

    Attributes:
        neighbours: int32 [m, K]: the input row that output row m meets under offset K; `inputs`
            where that voxel is empty.
        inputs: number of input rows.
    """

    neighbours: Tensor
    inputs: int

    @property
    def outputs(self) -> int:
        """Number of output rows."""
        return self.neighbours.shape[0]

    @functools.cached_property
    def pairs(self) -> list[tuple[Tensor, Tensor]]:
        """For each offset its input rows and their output rows, int64; each row at most once."""
        pairs = []
        for column in self.neighbours.t().contiguous():
            outputs = torch.nonzero(column < self.inputs).squeeze(1)
            pairs.append((column[outputs].long(), outputs))
        return pairs

    @functools.cached_property
    def transposed(self) -> KernelMap:
        """The map with inputs and outputs exchanged, same offsets."""
        neighbours = self.neighbours.new_full((self.inputs, self.neighbours.shape[1]), self.outputs)
        for offset, (inputs, outputs) in enumerate(self.pairs):
            neighbours[inputs, offset] = outputs.to(neighbours.dtype)
        return KernelMap(neighbours, self.outputs)


def build_kernel_map(
    inputs: SortedVoxels, outputs: SortedVoxels, kernel_size: int, step: int
) -> KernelMap:
    """The map of a convolution between two sets of voxels.

    Args:
        inputs: where the features are.
        outputs: where they are wanted.
        kernel_size: along each axis.
        step: distance of neighbouring offsets, the stride of the inputs.
    """
    wanted = outputs.keys_by_row()
    columns = [
        inputs.find(wanted + pack_offset(x * step, y * step, z * step)).to(torch.int32)
        for x, y, z in kernel_offsets(kernel_size).tolist()
    ]
    return KernelMap(torch.stack(columns, 1), len(inputs))
