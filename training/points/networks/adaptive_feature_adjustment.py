# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Adaptive feature adjustment: the points of a neighbourhood exchange features, pair by pair.

H. Zhao, L. Jiang, C.-W. Fu, J. Jia: PointWeb: Enhancing Local Neighborhood Features for Point Cloud
Processing (CVPR 2019), section 3.2, and the published code (https://github.com/hszhao/PointWeb,
MIT): of a neighbourhood's features F_1 ... F_M, the difference of a pair is
d_ij = F_i - F_j for i other than j, and d_ii = F_i. The adjustment of F_i is the sum over j of
w(d_ij) * d_ij, channel by channel, where w is a small MLP.

The first layer of w is linear: that of a difference is the difference of two points' values, and
its batch statistics over pairs follow from the points' values.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.points.networks.pair_adjustment import PairAdjustment
from training.points.networks.shared_mlp import SharedMLP

_FEWEST_CHANNELS = 16
"""Fewer are filled up with zeros: matrix products of whole vectors are faster than of a part."""


class PairWeights(SharedMLP):
    """The layers of w: normalised ones, and the linear one that gives the weights."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__(widths)
        self.weight = SharedMLP([widths[-1], widths[0]], normalized=False)


class AdaptiveFeatureAdjustment(nn.Module):
    """What is added to the features of each neighbourhood's points.

    It computes in the features' precision, or in single precision where that is lower; batch
    statistics are those of the process's own batch.

    Args:
        channels: of the features.
        width: of the two hidden layers of w, which have batch normalisation over all pairs of the
            batch, and ReLU.
    """

    def __init__(self, channels: int, width: int = 32) -> None:
        super().__init__()
        self.mlp = PairWeights([channels, width, width])

    def forward(self, features: Tensor) -> Tensor:
        """Adjustments [n, M, channels] of the features [n, M, channels] of n neighbourhoods."""
        with torch.autocast(features.device.type, enabled=False):
            dtype = torch.promote_types(features.dtype, torch.float32)
            return self._adjust(features.to(dtype)).to(features.dtype)

    def _adjust(self, features: Tensor) -> Tensor:
        first, second = self.mlp.layers
        output = self.mlp.weight.layers[0]
        bias = output.conv.bias
        assert bias is not None
        norms = [layer.bn.bn for layer in (first, second) if layer.bn is not None]
        pairs = features.shape[0] * features.shape[1] ** 2
        values = F.linear(features, first.weight)
        if self.training:
            mean, variance = _pair_statistics(values)
            _track(norms[0], mean, variance, pairs)
        else:
            mean, variance = _running(norms[0])
        scale = norms[0].weight * torch.rsqrt(variance + norms[0].eps)
        q = values * scale
        p = q + (norms[0].bias - scale * mean)
        given = (None, None) if self.training else _running(norms[1])
        channels = features.shape[2]
        spare = max(0, _FEWEST_CHANNELS - channels)
        sums, mean, variance = PairAdjustment.apply(
            p,
            q,
            F.pad(features, (0, spare)),
            second.weight,
            norms[1].weight,
            norms[1].bias,
            F.pad(output.weight, (0, 0, 0, spare)),
            F.pad(bias, (0, spare)),
            *given,
            norms[1].eps,
        )
        if self.training:
            _track(norms[1], mean, variance, pairs)
        return sums[..., :channels]


def _pair_statistics(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance [K] of the differences of values [n, M, K] of n neighbourhoods.

    The differences of a neighbourhood add up to the sum of its values, as d_ij = -d_ji; their
    squares to 2 M times the squared deviations from its mean. The pairs of a point with itself
    add the values' own squares.
    """
    n, members, _ = values.shape
    deviations = values - values.mean(1, keepdim=True)
    mean = values.sum((0, 1)) / (n * members**2)
    squares = 2 * members * deviations.square().sum((0, 1)) + values.square().sum((0, 1))
    return mean, squares / (n * members**2) - mean.square()


def _running(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None and norm.running_var is not None
    return norm.running_mean, norm.running_var


@torch.no_grad()
def _track(norm: nn.BatchNorm1d, mean: Tensor, variance: Tensor, count: int) -> None:
    """Update running statistics as batch normalisation does."""
    running_mean, running_variance = _running(norm)
    assert norm.num_batches_tracked is not None and norm.momentum is not None
    norm.num_batches_tracked += 1
    running_mean.lerp_(mean.to(running_mean.dtype), norm.momentum)
    unbiased = variance * (count / max(count - 1, 1))
    running_variance.lerp_(unbiased.to(running_variance.dtype), norm.momentum)
