# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Norms of the distillation branch, folded into what inference needs of them.

In evaluation each is a multiplication and an addition by channel. The first follows a 1x1
convolution, which takes both on. The second stands before a 3x3 convolution whose padding is zero,
not what the norm would make of zero: it stays, as one multiplication and addition.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seg3d2d_ros.networks.dimension_norm import DimensionNorm
from seg3d2d_ros.networks.distillation_branch import DistillationBranch

_EPS = 1e-5
"""Of batch norm, the least that all runtimes take."""


class ScaleAndShift(nn.Module):
    """y = scale x + shift by channel.

    In an ONNX graph it is one node, a batch norm whose mean is 0 and whose variance is 1.

    Args:
        scale: [C].
        shift: [C].
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale.detach().view(1, -1, 1, 1).clone())
        self.register_buffer("shift", shift.detach().view(1, -1, 1, 1).clone())

    def forward(self, features: Tensor) -> Tensor:
        """Map [N, C, H, W] to the same shape."""
        if torch.onnx.is_in_onnx_export():
            scale, shift = self.scale.flatten(), self.shift.flatten()
            mean, variance = torch.zeros_like(scale), torch.full_like(scale, 1 - _EPS)
            return F.batch_norm(features, mean, variance, scale, shift, eps=_EPS)
        return torch.addcmul(self.shift, self.scale, features)


@torch.no_grad()
def fold(network: nn.Module) -> nn.Module:
    """Fold the norms of every distillation branch of a network, in place.

    The network has other weights by name thereafter: it can be used, and neither trained nor
    stored.

    Args:
        network: in evaluation mode.

    Returns:
        The same network.

    Raises:
        ValueError: if it is in training mode, in which norms depend on the batch.
    """
    if network.training:
        raise ValueError("a network in training mode can't be folded; call eval() before")
    for branch in network.modules():
        if isinstance(branch, DistillationBranch):
            first, second = _scale_and_shift(branch.norm1), _scale_and_shift(branch.norm2)
            if first is not None:
                convolution = branch.conv1[-1]
                assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
                scale, shift = first
                convolution.weight.mul_(scale.view(-1, 1, 1, 1))
                convolution.bias.mul_(scale).add_(shift)
                branch.norm1 = nn.Identity()
            if second is not None:
                branch.norm2 = ScaleAndShift(*second)
    return network


def _scale_and_shift(norm: nn.Module) -> tuple[Tensor, Tensor] | None:
    """What a norm does in evaluation, [C] each; None where there is none."""
    if isinstance(norm, DimensionNorm):
        return norm.running_scale_and_shift()
    if isinstance(norm, nn.BatchNorm2d):
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        return scale, norm.bias - scale * norm.running_mean
    return None
