# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""PointWeb, a network on blocks of points.

H. Zhao, L. Jiang, C.-W. Fu, J. Jia: PointWeb (CVPR 2019), with the layers, weights' names and
shapes of the published code (https://github.com/hszhao/PointWeb, MIT).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from training.points.networks.point_network import PointNetwork, PointNetworkError, PointOutput
from training.points.networks.set_abstraction import (
    NEIGHBOURS,
    FeaturePropagation,
    SetAbstraction,
)
from training.points.networks.shared_mlp import PointwiseLayer

_WIDTH = 128


class PointWeb(PointNetwork):
    """Four set abstractions and four feature propagations.

    Args:
        num_classes: of the classifier.
        feature_channels: of the points' input features; 6 for colour and place in the room.
        centroids: points that each set abstraction keeps; no weight depends on it.

    Raises:
        PointNetworkError: if a setting is impossible.
    """

    feature_width = _WIDTH

    def __init__(
        self,
        num_classes: int,
        feature_channels: int = 6,
        centroids: Sequence[int] = (1024, 256, 64, 16),
    ) -> None:
        super().__init__()
        if num_classes < 1 or feature_channels < 1:
            raise PointNetworkError("PointWeb needs at least one class and one feature channel")
        whole = isinstance(centroids, Sequence) and all(type(kept) is int for kept in centroids)
        few = not whole or len(centroids) != 4
        if few or min(centroids[:-1]) < NEIGHBOURS or centroids[-1] < 3:
            raise PointNetworkError(
                f"PointWeb's centroids are {centroids!r}; they must be four whole numbers, how "
                f"many points each set abstraction keeps: the first three at least {NEIGHBOURS}, "
                "for neighbours are looked for among them, and the last at least 3"
            )
        self.num_classes, self.feature_channels = num_classes, feature_channels
        c = feature_channels
        abstractions = [[c, 32, 32, 64], [64, 64, 64, 128], [128, 128, 128, 256]]
        abstractions.append([256, 256, 256, 512])
        propagations = [[128 + c, 128, 128, 128], [256 + 64, 256, 128], [256 + 128, 256, 256]]
        propagations.append([512 + 256, 256, 256])
        self.SA_modules = nn.ModuleList(
            SetAbstraction(kept, widths)
            for kept, widths in zip(centroids, abstractions, strict=True)
        )
        self.FP_modules = nn.ModuleList(FeaturePropagation(widths) for widths in propagations)
        self.FC_layer = nn.Sequential(
            PointwiseLayer(128, _WIDTH),
            nn.Dropout(),
            PointwiseLayer(_WIDTH, num_classes, normalized=False),
        )

    def forward(self, *inputs: Tensor) -> PointOutput:
        """Features and logits of B * n rows, block after block.

        The features are those after the last normalised layer and its ReLU. In training, dropout
        lies between them and the classifier.

        Args:
            inputs: points float32 [B, n, 3], metres, and their features float32
                [B, n, feature_channels].

        Raises:
            PointNetworkError: if a block has fewer than 32 points, or other channels.
        """
        points, features = inputs
        if points.shape[1] < NEIGHBOURS or features.shape[2] != self.feature_channels:
            raise PointNetworkError(
                f"PointWeb was given blocks of {points.shape[1]} points with {features.shape[2]} "
                f"feature channels; it needs at least {NEIGHBOURS} points and "
                f"{self.feature_channels} channels"
            )
        levels = [(points, features)]
        for abstraction in self.SA_modules:
            levels.append(abstraction(*levels[-1]))
        coarse = levels.pop()
        for propagation, fine in zip(reversed(self.FP_modules), reversed(levels), strict=True):
            coarse = fine[0], propagation(*fine, *coarse)
        features = self.FC_layer[0](coarse[1].flatten(0, 1))
        return PointOutput(features, self.FC_layer[1:](features))

    @property
    def classifier(self) -> tuple[Tensor, Tensor]:
        """Weight [classes, 128] and bias [classes]; without dropout, as in evaluation mode."""
        layer = self.FC_layer[2]
        assert isinstance(layer, PointwiseLayer) and layer.conv.bias is not None
        return layer.weight, layer.conv.bias
