# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which input voxel meets which output voxel under which weight of a kernel."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from training.points.own_threads import run_each, run_undivided
from training.points.sparse.packed_voxels import pack_offset
from training.points.sparse.row_chunks import RowChunk, divide_rows
from training.points.sparse.voxel_pyramid import kernel_offsets

_NO_KEY = 2**63 - 1


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

    def keys_by_row(self) -> Tensor:
        """Keys in the order of the features' rows."""
        if self.rows is None:
            return self.keys
        keys = torch.empty_like(self.keys)
        keys[self.rows] = self.keys
        return keys


@dataclass(frozen=True, eq=False)
class KernelMap:
    """Input rows by offset and output row.

    Attributes:
        neighbours: int32 [K, m]: the input row that output row m meets under offset K; `inputs`
            where that voxel is empty.
        inputs: number of input rows.
        symmetric: whether inputs and outputs are the same rows, and the offsets from last to first
            are those from first to last, negated.
    """

    neighbours: Tensor
    inputs: int
    symmetric: bool = False

    @property
    def outputs(self) -> int:
        """Number of output rows."""
        return self.neighbours.shape[1]

    @property
    def offsets(self) -> int:
        """Number of offsets."""
        return self.neighbours.shape[0]

    @functools.cached_property
    def chunks(self) -> tuple[RowChunk, ...]:
        """The pairs of input and output rows."""
        return run_undivided(
            lambda: divide_rows(self.neighbours, self.inputs), self.neighbours.device
        )

    @property
    def transposed_chunks(self) -> tuple[RowChunk, ...]:
        """Those of the transposed map; of a symmetric one `chunks`, its offsets from the last."""
        return self.chunks if self.symmetric else self.transposed.chunks

    @functools.cached_property
    def transposed(self) -> KernelMap:
        """The map with inputs and outputs exchanged, same offsets."""
        return run_undivided(self._transpose, self.neighbours.device)

    def _transpose(self) -> KernelMap:
        offsets, outputs = torch.nonzero(self.neighbours < self.inputs, as_tuple=True)
        neighbours = self.neighbours.new_full((self.offsets, self.inputs), self.outputs)
        neighbours[offsets, self.neighbours[offsets, outputs].long()] = outputs.to(torch.int32)
        return KernelMap(neighbours, self.outputs)


def build_kernel_map(
    inputs: SortedVoxels, outputs: SortedVoxels, kernel_size: int, step: int
) -> KernelMap:
    """The map of a convolution between two sets of voxels.

    Args:
        inputs: where the features are; their coordinates are multiples of `step`.
        outputs: where they are wanted; the same object where that is the same voxels.
        kernel_size: along each axis.
        step: distance of neighbouring offsets, the stride of the inputs.
    """
    count = len(inputs)
    keys = torch.cat([inputs.keys, inputs.keys.new_tensor([_NO_KEY])])
    found = outputs.keys.new_empty((kernel_size**3, len(outputs)), dtype=torch.int32)
    # z is the lowest part of a key and changes slowest among the offsets
    lines = list(enumerate((kernel_offsets(kernel_size)[: kernel_size**2] * step).tolist()))

    def search(line: tuple[int, list[int]]) -> None:
        number, (x, y, z) = line
        place = torch.searchsorted(inputs.keys, outputs.keys + pack_offset(x, y, z))
        for layer in range(kernel_size):
            wanted = outputs.keys + pack_offset(x, y, z + layer * step)
            there = keys[place] == wanted
            found[number + layer * kernel_size**2] = torch.where(there, place, count)
            # in the order of the keys a voxel is followed by its neighbour along z
            place += there

    run_each(search, lines, keys.device)
    neighbours = run_undivided(lambda: _by_row(found, inputs, outputs), keys.device)
    return KernelMap(neighbours, count, inputs is outputs and kernel_size % 2 == 1)


def _by_row(found: Tensor, inputs: SortedVoxels, outputs: SortedVoxels) -> Tensor:
    """A map between places in the order of the keys as one between rows."""
    if inputs.rows is not None:
        rows = torch.cat([inputs.rows, inputs.rows.new_tensor([len(inputs)])]).to(torch.int32)
        found = rows[found.long()]
    if outputs.rows is not None:
        ordered = torch.empty_like(found)
        ordered[:, outputs.rows] = found
        found = ordered
    return found
