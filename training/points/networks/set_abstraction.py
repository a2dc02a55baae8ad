# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Set abstraction and feature propagation: to fewer points, and back to more.

C. R. Qi, L. Yi, H. Su, L. J. Guibas: PointNet++ (NIPS 2017), with the neighbourhoods and the
adjustment of PointWeb.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.points.neighbours import farthest_points, nearest_neighbours
from training.points.networks.adaptive_feature_adjustment import AdaptiveFeatureAdjustment
from training.points.networks.shared_mlp import SharedMLP

NEIGHBOURS = 32
_INTERPOLATED = 3
_EPSILON = 1e-8
"""Metres added to distances, so that none is 0."""


def gather_rows(values: Tensor, numbers: Tensor) -> Tensor:
    """Rows [B, ..., c] of values [B, n, c] by numbers [B, ...] within each block."""
    blocks, count, channels = values.shape
    starts = torch.arange(blocks, device=values.device).view(-1, *[1] * (numbers.ndim - 1)) * count
    rows = values.reshape(-1, channels).index_select(0, (numbers + starts).view(-1))
    return rows.view(*numbers.shape, channels)


class SetAbstraction(nn.Module):
    """Features of farthest points, each from its 32 nearest neighbours.

    Args:
        centroids: how many points are kept.
        widths: channels of the input features and of each layer.
    """

    def __init__(self, centroids: int, widths: list[int]) -> None:
        super().__init__()
        self.centroids = centroids
        widths = [widths[0] + 3, *widths[1:]]
        self.afa = AdaptiveFeatureAdjustment(widths[0])
        self.mlp = SharedMLP(widths)

    def forward(self, points: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Fewer points [B, m, 3] and features [B, m, c'] of points [B, n, 3], features [B, n, c].

        Raises:
            ValueError: if there are fewer than 32 points.
        """
        centers = gather_rows(points, farthest_points(points, self.centroids))
        numbers, _ = nearest_neighbours(points, centers, NEIGHBOURS)
        offsets = gather_rows(points, numbers) - centers[:, :, None]
        grouped = torch.cat([offsets, gather_rows(features, numbers)], -1).flatten(0, 1)
        grouped = grouped + self.afa(grouped)
        rows = self.mlp(grouped.flatten(0, 1))
        pooled = rows.view(-1, NEIGHBOURS, rows.shape[1]).amax(1)
        return centers, pooled.view(*centers.shape[:2], -1)


class FeaturePropagation(nn.Module):
    """Features of more points, from the three nearest of fewer points and their own.

    Args:
        widths: channels of both input features together, and of each layer.
    """

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.mlp = SharedMLP(widths)

    def forward(
        self, points: Tensor, features: Tensor, fewer: Tensor, fewer_features: Tensor
    ) -> Tensor:
        """Features [B, n, c'].

        Args:
            points: [B, n, 3].
            features: [B, n, c], theirs.
            fewer: [B, m, 3], m at least 3.
            fewer_features: [B, m, c''], theirs; weighted by the inverse distance.
        """
        numbers, squared = nearest_neighbours(fewer, points, _INTERPOLATED)
        weights = 1 / (squared.sqrt() + _EPSILON)
        weights = weights / weights.sum(2, keepdim=True)
        interpolated = (gather_rows(fewer_features, numbers) * weights[..., None]).sum(2)
        rows = torch.cat([interpolated, features], -1)
        return self.mlp(rows.flatten(0, 1)).view(*points.shape[:2], -1)
