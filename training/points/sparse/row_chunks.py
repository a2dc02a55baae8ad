# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The pairs of a kernel map in the order in which convolution goes through them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor

_ROWS_ON_CPU = 2048
"""What such a chunk gathers, some megabytes, stays in a processor's cache."""
_ROWS_ON_CUDA = 2**16
"""Large enough that starting the kernels costs little, small enough for the memory."""


@dataclass(frozen=True, eq=False)
class RowChunk:
    """Pairs of input and output rows, of some successive output rows; by offset, then by row.

    Attributes:
        inputs: int32 [pairs], input row of each pair.
        outputs: int32 [pairs], its output row.
        counts: number of pairs under each offset.
        places: int32 [pairs], where the pairs of the first output row are among these, then
            those of the second, and so on.
        bags: int32 [rows], where each output row begins in `places`.
        start: the first output row.
    """

    inputs: Tensor
    outputs: Tensor
    counts: list[int]
    places: Tensor
    bags: Tensor
    start: int

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def stop(self) -> int:
        """The output row after the last."""
        return self.start + len(self.bags)


def divide_rows(
    neighbours: Tensor, inputs: int, chunk_rows: int | None = None
) -> tuple[RowChunk, ...]:
    """The pairs of a kernel map.

    Args:
        neighbours: int32 [K, m], the input row of each offset and output row; `inputs` for none.
        inputs: number of input rows.
        chunk_rows: output rows of a chunk; None for what suits the device.
    """
    kernel, rows = neighbours.shape
    if chunk_rows is None:
        chunk_rows = _ROWS_ON_CPU if neighbours.device.type == "cpu" else _ROWS_ON_CUDA
    chunk_rows = min(chunk_rows, rows)
    chunks = -(-rows // chunk_rows)
    padded = F.pad(neighbours, (0, chunks * chunk_rows - rows), value=inputs)
    padded = padded.view(kernel, chunks, chunk_rows).transpose(0, 1).contiguous()
    there = (padded < inputs).view(-1)
    pairs = torch.nonzero(there).squeeze(1)
    per_chunk = kernel * chunk_rows
    outputs = (pairs // per_chunk * chunk_rows + pairs % chunk_rows).to(torch.int32)
    by_row = torch.sort(outputs, stable=True).indices
    sums = there.view(chunks, kernel, chunk_rows).sum(1, dtype=torch.int32)
    counts = there.view(chunks, kernel, chunk_rows).sum(2).tolist()
    sizes = [sum(of_chunk) for of_chunk in counts]
    starts = accumulate(sizes, initial=0)
    parts = zip(
        padded.view(-1)[pairs].split(sizes),
        outputs.split(sizes),
        counts,
        [(b - s).to(torch.int32) for b, s in zip(by_row.split(sizes), starts, strict=False)],
        (sums.cumsum(1, dtype=torch.int32) - sums).view(-1)[:rows].split(chunk_rows),
        range(0, rows, chunk_rows),
        strict=True,
    )
    return tuple(RowChunk(*part) for part in parts)
