# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Adaptive feature adjustment: the points of a neighbourhood exchange features, pair by pair.

H. Zhao, L. Jiang, C.-W. Fu, J. Jia: PointWeb: Enhancing Local Neighborhood Features for Point Cloud
Processing (CVPR 2019), section 3.2, and the published code (https://github.com/hszhao/PointWeb,
MIT): of a neighbourhood's features F_1 ... F_M, the difference of a pair is
d_ij = F_i - F_j for i other than j, and d_ii = F_i. The adjustment of F_i is the sum over j of
w(d_ij) * d_ij, channel by channel, where w is a small MLP.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.points.networks.shared_mlp import SharedMLP


class PairWeights(SharedMLP):
    """The MLP w: channels to 32 to 32, each with batch normalisation and ReLU, to channels."""

    def __init__(self, channels: int, width: int = 32) -> None:
        super().__init__([channels, width, width])
        self.weight = SharedMLP([width, channels], normalized=False)

    def forward(self, rows: Tensor) -> Tensor:
        """Weights [n, channels] of differences [n, channels]."""
        return self.weight(super().forward(rows))


class AdaptiveFeatureAdjustment(nn.Module):
    """What is added to the features of each neighbourhood's points.

    Args:
        channels: of the features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp = PairWeights(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Adjustments [n, M, channels] of the features [n, M, channels] of n neighbourhoods."""
        _, members, channels = features.shape
        others = (
            features[:, None]
            * ~torch.eye(members, dtype=torch.bool, device=features.device)[..., None]
        )
        differences = features[:, :, None] - others
        weights = self.mlp(differences.view(-1, channels)).view_as(differences)
        return (weights * differences).sum(2)
