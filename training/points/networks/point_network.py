# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What a 3D network gives: a feature and a score of each class for every point or voxel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn


class PointNetworkError(ValueError):
    """A 3D network can't be built or filled; the message is one sentence."""


@dataclass(frozen=True, eq=False)
class PointOutput:
    """What a network says about a batch.

    Attributes:
        features: [n, width], what the classifier sees and is distilled.
        logits: [n, classes].
    """

    features: Tensor
    logits: Tensor


class PointNetwork(nn.Module, ABC):
    """A 3D network whose classifier is linear in its features.

    Attributes:
        feature_width: channels of the features.
        num_classes: of the classifier.
        stride: of the features, in the network's own voxels or points; 1 where each has one.
    """

    feature_width: int
    num_classes: int
    stride: int = 1

    @abstractmethod
    def forward(self, *inputs: Tensor) -> PointOutput:
        """Features and logits of a batch, a row for each voxel or point.

        Args:
            inputs: what the network's sampling makes of scenes,
                see :class:`~training.points.sampling.scene_sampling.SceneSampling`.
        """

    @property
    @abstractmethod
    def classifier(self) -> tuple[Tensor, Tensor]:
        """Weight [classes, width] and bias [classes]: logits = features @ weight.T + bias."""
