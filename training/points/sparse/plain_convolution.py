# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Sparse convolution by a kernel map, in plain PyTorch operations on any device."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from training.points.sparse.kernel_maps import KernelMap

_ROWS = 1024
"""Output rows at a time of the implicit product: what is gathered should stay in the cache."""
_WIDE = 64
"""From so many input channels on, products by offset are faster than the implicit one."""


class SparseConvolutionFunction(torch.autograd.Function):
    """Convolution of features by a kernel map; gathers anew in the backward pass."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, kernel: Tensor, kernel_map: KernelMap) -> Tensor:
        """Output [m, c_out] of features [n, c_in] and kernel [K, c_in, c_out]."""
        ctx.save_for_backward(features, kernel)
        ctx.kernel_map = kernel_map
        return apply_kernel(features, kernel, kernel_map)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Gradients of features and kernel."""
        features, kernel = ctx.saved_tensors
        gradient = gradient.contiguous()
        by_features = by_kernel = None
        if ctx.needs_input_grad[0]:
            by_features = apply_kernel(gradient, kernel.transpose(1, 2), ctx.kernel_map.transposed)
        if ctx.needs_input_grad[1]:
            by_kernel = torch.zeros_like(kernel)
            for offset, (inputs, outputs) in enumerate(ctx.kernel_map.pairs):
                torch.mm(
                    features.index_select(0, inputs).t(),
                    gradient.index_select(0, outputs),
                    out=by_kernel[offset],
                )
        return by_features, by_kernel, None


def apply_kernel(features: Tensor, kernel: Tensor, kernel_map: KernelMap) -> Tensor:
    """Output [m, c_out] of features [n, c_in] and kernel [K, c_in, c_out], without gradients."""
    if features.device.type == "cpu" and features.shape[1] < _WIDE:
        return _implicit_product(features, kernel, kernel_map)
    return _products_by_offset(features, kernel, kernel_map)


def _implicit_product(features: Tensor, kernel: Tensor, kernel_map: KernelMap) -> Tensor:
    """One product for all offsets; empty neighbours are rows of zeros."""
    count, channels = kernel.shape[0], kernel.shape[1]
    padded = torch.cat([features, features.new_zeros(1, channels)])
    weights = kernel.reshape(count * channels, -1)
    output = features.new_empty(kernel_map.outputs, weights.shape[1])
    for start in range(0, kernel_map.outputs, _ROWS):
        rows = kernel_map.neighbours[start : start + _ROWS].reshape(-1)
        gathered = padded.index_select(0, rows).view(-1, count * channels)
        torch.mm(gathered, weights, out=output[start : start + _ROWS])
    return output


def _products_by_offset(features: Tensor, kernel: Tensor, kernel_map: KernelMap) -> Tensor:
    """A product for each offset, of the occupied neighbours alone (gather, GEMM, scatter)."""
    output = features.new_zeros(kernel_map.outputs, kernel.shape[2])
    for weights, (inputs, outputs) in zip(kernel, kernel_map.pairs, strict=True):
        if len(inputs):
            output.index_add_(0, outputs, features.index_select(0, inputs) @ weights)
    return output
