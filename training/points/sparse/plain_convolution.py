# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Sparse convolution by a kernel map, in plain PyTorch operations on any device.

Gather, multiply, sum, a chunk of output rows at a time: the input rows of all pairs of the chunk
are gathered by offset, each offset's are multiplied by its weights, and the products of each
output row are summed. So the products are of occupied neighbours alone, what is gathered stays in
the cache, and no two pairs are added to the same row at once: results are the same at every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from training.points.own_threads import parts_of, run_each
from training.points.sparse.kernel_maps import KernelMap
from training.points.sparse.row_chunks import RowChunk


def convolve_by_map(features: Tensor, kernel: Tensor, kernel_map: KernelMap) -> Tensor:
    """Sparse convolution; under autocast in its precision.

    Args:
        features: [n, c_in].
        kernel: [K, c_in, c_out].
        kernel_map: from n rows to m.

    Returns:
        [m, c_out], differentiable once by features and kernel.
    """
    dtype = kernel.dtype
    if torch.is_autocast_enabled(features.device.type):
        dtype = torch.get_autocast_dtype(features.device.type)
    result: Tensor = SparseConvolutionFunction.apply(features, kernel, kernel_map, dtype)
    return result


class SparseConvolutionFunction(torch.autograd.Function):
    """Convolution of features by a kernel map; gathers anew in the backward pass."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, kernel: Tensor, kernel_map: KernelMap, dtype: torch.dtype
    ) -> Tensor:
        """Output [m, c_out] in `dtype` of features [n, c_in] and kernel [K, c_in, c_out]."""
        ctx.kernel_map, ctx.features_type = kernel_map, features.dtype
        features = features.to(dtype).contiguous()
        ctx.save_for_backward(features, kernel)
        return gather_multiply_sum(features, kernel.to(dtype), kernel_map.chunks)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        """Gradients of features and kernel, each in its own type."""
        features, kernel = ctx.saved_tensors
        gradient = gradient.to(features.dtype).contiguous()
        weights = kernel.to(features.dtype).transpose(1, 2) if ctx.needs_input_grad[0] else None
        sums = None
        if ctx.needs_input_grad[1]:
            # sums over many rows lose too much in half precision
            kind = torch.promote_types(kernel.dtype, torch.float32)
            sums = torch.zeros_like(kernel, dtype=kind, memory_format=torch.contiguous_format)
        by_features = _backward(gradient, weights, features, sums, ctx.kernel_map)
        return (
            None if by_features is None else by_features.to(ctx.features_type),
            None if sums is None else sums.to(kernel.dtype),
            None,
            None,
        )


def gather_multiply_sum(features: Tensor, kernel: Tensor, chunks: Sequence[RowChunk]) -> Tensor:
    """Convolution without gradients.

    Args:
        features: [n, c_in].
        kernel: [K, c_in, c_out].
        chunks: of the map.

    Returns:
        [m, c_out].
    """
    output = features.new_empty(chunks[-1].stop, kernel.shape[2])
    weights = kernel.unbind(0)

    def work(part: Sequence[RowChunk]) -> None:
        largest = max(map(len, part))
        gathered = features.new_empty(largest, kernel.shape[1])
        products = features.new_empty(largest, kernel.shape[2])
        for chunk in part:
            torch.index_select(features, 0, chunk.inputs, out=gathered[: len(chunk)])
            _multiply(gathered, weights, products, chunk)
            _sum(products, output, chunk)

    run_each(work, parts_of(chunks, features.device), features.device)
    return output


def _backward(
    gradient: Tensor,
    weights: Tensor | None,
    features: Tensor,
    sums: Tensor | None,
    kernel_map: KernelMap,
) -> Tensor | None:
    """Gradient by features where `weights` are given; adds that by the kernel to `sums`.

    What is gathered of the outputs' gradient, by the transposed map, serves both.
    """
    chunks = kernel_map.transposed_chunks
    by_features = None if weights is None else torch.empty_like(features)
    parts = parts_of(chunks, features.device)
    partial = [] if sums is None else [torch.zeros_like(sums) for _ in parts]
    order = range(kernel_map.offsets)
    if kernel_map.symmetric:
        order = order[::-1]

    def work(number: int) -> None:
        part = parts[number]
        largest = max(map(len, part))
        gathered = gradient.new_empty(largest, gradient.shape[1])
        # of the features first what is gathered, then the products of the gradient
        inputs = features.new_empty(largest, features.shape[1])
        for chunk in part:
            torch.index_select(gradient, 0, chunk.inputs, out=gathered[: len(chunk)])
            if partial:
                torch.index_select(features, 0, chunk.outputs, out=inputs[: len(chunk)])
                _correlate(inputs, gathered, [partial[number][k] for k in order], chunk)
            if weights is not None and by_features is not None:
                _multiply(gathered, [weights[k] for k in order], inputs, chunk)
                _sum(inputs, by_features, chunk)

    run_each(work, range(len(parts)), features.device)
    if sums is not None:
        for of_part in partial:
            sums.add_(of_part)
    return by_features


def _multiply(
    gathered: Tensor, weights: Sequence[Tensor], products: Tensor, chunk: RowChunk
) -> None:
    """Multiply the rows of each offset by its weights."""
    start = 0
    for count, of_offset in zip(chunk.counts, weights, strict=True):
        if count:
            stop = start + count
            torch.mm(gathered[start:stop], of_offset, out=products[start:stop])
            start = stop


def _sum(products: Tensor, output: Tensor, chunk: RowChunk) -> None:
    """Sum the products of each output row; of all types in float32 at least."""
    rows = output[chunk.start : chunk.stop]
    if len(chunk):
        rows.copy_(F.embedding_bag(chunk.places, products[: len(chunk)], chunk.bags, mode="sum"))
    else:
        rows.zero_()


def _correlate(inputs: Tensor, gathered: Tensor, sums: Sequence[Tensor], chunk: RowChunk) -> None:
    """Add to each offset's sum the outer products of its pairs' inputs and gathered rows."""
    start = 0
    for count, of_offset in zip(chunk.counts, sums, strict=True):
        if not count:
            continue
        stop = start + count
        one, other = inputs[start:stop].t(), gathered[start:stop]
        if of_offset.dtype == inputs.dtype:
            of_offset.addmm_(one, other)
        else:
            of_offset.add_(one @ other)
        start = stop
