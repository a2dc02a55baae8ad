# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The sum over pairs of adaptive feature adjustment, without keeping anything of pairs.

A neighbourhood of M points has M * M pairs, so that what a layer gives for each would be by far the
largest in the network. Here it is made a few neighbourhoods at a time, stays in the processor's
cache, and is made anew in the backward pass. Batch statistics come from second moments: those of
z = W h are W E[h] and the diagonal of W Cov[h] W'. So do the terms of batch normalisation in the
gradients, except for one array that holds a gradient for each pair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.points.own_threads import run_each

_SEGMENTS = 16
"""Divisions of the neighbourhoods whose sums are added one after the other: not by the number of
threads, so that results don't depend on it."""
_CACHED = 2**18
_CACHED_ELSEWHERE = 2**25
"""Numbers of one array at a time, on the CPU and on other devices."""


@dataclass(frozen=True, eq=False)
class PairLayers:
    """What is done with the first hidden layer h of a pair.

    weights = output @ relu(normalise(hidden @ h)) + output_bias.

    Attributes:
        hidden: [K, K].
        gamma: [K], scale of the batch normalisation.
        beta: [K], its shift.
        output: [C, K].
        output_bias: [C].
    """

    hidden: Tensor
    gamma: Tensor
    beta: Tensor
    output: Tensor
    output_bias: Tensor


class PairAdjustment(torch.autograd.Function):
    """Sum over j of w_ij * d_ij for each member i of neighbourhoods, channel by channel.

    d_ij = F_i - F_j, or F_i where j is i; w_ij are the weights of
    h_ij = relu(P_i - Q_j), or relu(P_i) where j is i.

    Args:
        p: [n, M, K].
        q: [n, M, K].
        features: F, [n, M, C].
        hidden, gamma, beta, output, output_bias: see :class:`PairLayers`.
        mean: [K], of the batch normalisation; None for that of the pairs.
        variance: [K]; None likewise.
        eps: of the batch normalisation.

    Returns:
        The sums [n, M, C], and the mean and (biased) variance used, which have no gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,
        p: Tensor,
        q: Tensor,
        features: Tensor,
        hidden: Tensor,
        gamma: Tensor,
        beta: Tensor,
        output: Tensor,
        output_bias: Tensor,
        mean: Tensor | None,
        variance: Tensor | None,
        eps: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The sums, and the statistics."""
        members, width = p.shape[1:]
        pairs = _Pairs(p, q, features.shape[2])
        ctx.moments = None
        if mean is None or variance is None:
            second, first = pairs.accumulate(lambda h, _: (h.t() @ h, h.sum(0)))
            ctx.moments = second, first
            count = p.shape[0] * members * members
            wide = hidden.double()
            centered = second / count - torch.outer(first, first) / count**2
            mean = (wide @ first / count).to(p.dtype)
            variance = ((wide @ centered) * wide).sum(1).clamp_(0).to(p.dtype)
        scale = gamma * torch.rsqrt(variance + eps)
        weight, shift = (scale[:, None] * hidden).t(), beta - scale * mean
        sums = torch.empty_like(features)
        active = torch.empty_like(p)

        def add_up(h: Tensor, rows: slice) -> tuple[()]:
            second_layer = torch.addmm(shift, h, weight).relu_()
            square = second_layer.view(-1, members, members, width)
            torch.sum(square, 2, out=active[rows])
            square.diagonal(dim1=1, dim2=2).zero_()
            products = (second_layer @ output.t()).view(*square.shape[:3], -1)
            torch.sum(products.mul_(features[rows, None]), 2, out=sums[rows])
            return ()

        pairs.accumulate(add_up)
        total = active @ output.t() + members * output_bias
        sums = features * total - sums
        sums -= output_bias * (features.sum(1, keepdim=True) - features)
        ctx.save_for_backward(
            p, q, features, hidden, gamma, beta, output, output_bias, mean, variance, active
        )
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        return sums, mean, variance

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        """Gradients by p, q, features, hidden, gamma, beta, output and output_bias."""
        p, q, features, hidden, gamma, beta, output, output_bias, mean, variance, active = (
            ctx.saved_tensors
        )
        gradient = gradient.contiguous()
        n, members, width = p.shape
        channels = features.shape[2]
        inverse = torch.rsqrt(variance + ctx.eps)
        scale = gamma * inverse
        weight, shift = (scale[:, None] * hidden).t(), beta - scale * mean

        by_active, by_features, by_output, by_bias = _apart_from_pairs(
            gradient, features, active, output, output_bias
        )
        pairs = _Pairs(p, q, channels)
        by_normalized = p.new_empty(n, members, members, width)

        def second_layer_gradients(h: Tensor, rows: slice) -> tuple[Tensor, ...]:
            second_layer = torch.addmm(shift, h, weight).relu_()
            square = second_layer.view(-1, members, members, width)
            diagonal = square.diagonal(dim1=1, dim2=2)
            kept = diagonal.clone()
            diagonal.zero_()
            products = (second_layer @ output.t()).view(*square.shape[:3], channels)
            by_features[rows] -= products.mul_(gradient[rows, :, None]).sum(1)
            torch.mul(gradient[rows, :, None], features[rows, None], out=products)
            flat = products.view(-1, channels)
            to_output = flat.t() @ second_layer
            diagonal.copy_(kept)
            result = by_normalized[rows]
            torch.mm(flat, output, out=result.view(-1, width))
            result.diagonal(dim1=1, dim2=2).zero_()
            torch.sub(by_active[rows, :, None], result, out=result)
            torch.ops.aten.threshold_backward.grad_input(result, square, 0, grad_input=result)
            flat = result.view(-1, width)
            return to_output, flat.t() @ h, flat.sum(0)

        pair_output, by_product, by_beta = pairs.accumulate(second_layer_gradients)
        by_output = by_output - pair_output.to(p.dtype)

        by_gamma = inverse.double() * ((by_product * hidden).sum(1) - mean.double() * by_beta)
        by_hidden, to_first, constant = by_product, None, None
        if ctx.moments is not None:
            slope = by_gamma * inverse
            by_hidden, to_first, constant = _through_statistics(
                ctx.moments, n * members**2, hidden, mean, scale, by_product, by_beta, slope
            )
        by_hidden = scale[:, None] * by_hidden

        by_p, by_q = torch.empty_like(p), torch.empty_like(q)

        def first_layer_gradients(h: Tensor, rows: slice) -> tuple[()]:
            flat = by_normalized[rows].view(-1, width)
            by_first = flat @ weight.t()
            if to_first is not None and constant is not None:
                by_first = by_first.addmm_(h, to_first).add_(constant)
            torch.ops.aten.threshold_backward.grad_input(by_first, h, 0, grad_input=by_first)
            square = by_first.view(-1, members, members, width)
            torch.sum(square, 2, out=by_p[rows])
            by_q[rows] = square.diagonal(dim1=1, dim2=2).transpose(1, 2) - square.sum(1)
            return ()

        pairs.accumulate(first_layer_gradients)
        return (
            by_p,
            by_q,
            by_features,
            by_hidden.to(p.dtype),
            by_gamma.to(p.dtype),
            by_beta.to(p.dtype),
            by_output,
            by_bias,
            None,
            None,
            None,
        )


def _apart_from_pairs(
    gradient: Tensor, features: Tensor, active: Tensor, output: Tensor, output_bias: Tensor
) -> tuple[Tensor, ...]:
    """Gradients of F_i * sum_j w_ij - output_bias * sum over j other than i of F_j.

    By the sums over j of the second hidden layer [n, M, K], by F, output and output_bias.
    """
    members = features.shape[1]
    weighted = gradient * features
    by_features = gradient * (active @ output.t() + (members + 1) * output_bias)
    by_features -= output_bias * gradient.sum(1, keepdim=True)
    others = features.sum(1, keepdim=True) - features
    by_bias = members * weighted.sum((0, 1)) - (gradient * others).sum((0, 1))
    by_output = weighted.flatten(0, 1).t() @ active.flatten(0, 1)
    return weighted @ output, by_features, by_output, by_bias


def _through_statistics(
    moments: tuple[Tensor, Tensor],
    count: int,
    hidden: Tensor,
    mean: Tensor,
    scale: Tensor,
    by_product: Tensor,
    by_beta: Tensor,
    slope: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """What the batch's mean and variance, which depend on z = hidden @ h, change in gradients.

    The gradient by z is scale * (y - by_beta / count - slope / count * (z - mean)) with y that by
    the normalised values: linear in y and h.

    Returns:
        The gradient by `hidden`, before `scale`; and matrix and vector of what is added to that
        by h: h @ matrix + vector.
    """
    second, first = moments
    wide, wide_mean, wide_scale = hidden.double(), mean.double(), scale.double()
    shift, slope = by_beta / count, slope / count
    by_hidden = by_product - torch.outer(shift, first)
    by_hidden -= slope[:, None] * (wide @ second - torch.outer(wide_mean, first))
    matrix = -(wide.t() @ ((wide_scale * slope)[:, None] * wide))
    vector = -(wide_scale * (shift - slope * wide_mean)) @ wide
    return by_hidden, matrix.to(hidden.dtype), vector.to(hidden.dtype)


class _Pairs:
    """First hidden layers of pairs, some neighbourhoods at a time."""

    def __init__(self, p: Tensor, q: Tensor, channels: int) -> None:
        self.p, self.q = p, q
        n, members, width = p.shape
        on_cpu = p.device.type == "cpu"
        numbers = members * members * max(width, channels)
        self.step = max(1, (_CACHED if on_cpu else _CACHED_ELSEWHERE) // numbers)
        length = -(-n // _SEGMENTS)
        self.segments = [range(k, min(k + length, n)) for k in range(0, n, length)]

    def accumulate(self, function: Callable[[Tensor, slice], tuple[Tensor, ...]]) -> Any:
        """Call a function with h [pairs, K] of some rows, and add up what it returns, in double."""

        def over_segment(segment: range) -> list[Tensor]:
            totals: list[Tensor] = []
            for start in range(segment.start, segment.stop, self.step):
                rows = slice(start, min(start + self.step, segment.stop))
                results = function(self._hidden(rows), rows)
                if not totals:
                    totals = [torch.zeros_like(result, dtype=torch.float64) for result in results]
                for total, result in zip(totals, results, strict=True):
                    total.add_(result)
            return totals

        by_segment = run_each(over_segment, self.segments, self.p.device)
        return [torch.stack(parts).sum(0) for parts in zip(*by_segment, strict=True)]

    def _hidden(self, rows: slice) -> Tensor:
        p = self.p[rows]
        square = p[:, :, None] - self.q[rows, None]
        square.diagonal(dim1=1, dim2=2).copy_(p.transpose(1, 2))
        return square.relu_().view(-1, p.shape[2])
