# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The head of 3D-to-2D distillation: simulated 3D features beside 2D ones.

Liu, Qi and Fu, "3D-to-2D Distillation for Indoor Scene Parsing", CVPR 2021, Figures 2 and 3. Widths
are those of the published code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seg3d2d_ros.networks.branch_config import BranchConfig
from seg3d2d_ros.networks.dimension_norm import DimensionNorm, normalisation
from seg3d2d_ros.networks.parsing_outputs import ParsingOutputs


def _conv_pair(in_channels: int, hidden: int, out_channels: int) -> list[nn.Module]:
    """A 3x3 convolution with batch norm and ReLU, then a 1x1 convolution with bias."""
    return [
        nn.Conv2d(in_channels, hidden, 3, padding=1, bias=False),
        nn.BatchNorm2d(hidden),
        nn.ReLU(),
        nn.Conv2d(hidden, out_channels, 1),
    ]


class DistillationBranch(nn.Module):
    """From an encoder's features to simulated 3D features and logits (Figure 3).

    Args:
        in_channels: of the encoder's features.
        num_classes: of the classifier, unlabeled not counted.
        config: its widths and norms.
        classifier_width: channels before the last 1x1 convolution; None for `feature_width`.
        dropout: probability with which one of them is dropped in training.

    Attributes:
        conv1: brings features to the 3D features' number of channels.
        norm1: DN1, to the statistics of the 3D features.
        conv2: gives the simulated 3D features, which are above 0 as the 3D network's are.
        norm2: DN2, to the statistics of the 2D branch.
        conv3: what they become before they are put beside the 2D branch.
        branch_2d: features from the image alone.
        classifier: on both.
        follows_2d: whether, in training, DN2's target is the running mean and deviation of the 2D
            branch's features, over all their channels, in place of what it was set to.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        config: BranchConfig,
        classifier_width: int | None = None,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        width, affine = config.feature_width, config.dn_affine
        joined = config.width_2d + width
        last = classifier_width or width
        self.config = config
        self.feature_width = joined
        self.follows_2d = False
        self.conv1 = nn.Sequential(*_conv_pair(in_channels, config.hidden, width))
        self.norm1 = normalisation(config.norm, width, affine)
        self.conv2 = nn.Sequential(*_conv_pair(width, width, width), nn.ReLU())
        self.norm2 = normalisation(config.norm, width, affine)
        self.conv3 = nn.Sequential(*_conv_pair(width, width, width), nn.ReLU())
        self.branch_2d = nn.Sequential(
            *_conv_pair(in_channels, config.hidden, config.width_2d),
            nn.BatchNorm2d(config.width_2d),
            nn.ReLU(),
        )
        self.classifier = nn.Sequential(
            nn.Conv2d(joined, last, 3, padding=1, bias=False),
            nn.BatchNorm2d(last),
            nn.ReLU(),
            nn.Dropout2d(dropout),
            nn.Conv2d(last, num_classes, 1),
        )

    @property
    def dimension_norms(self) -> tuple[DimensionNorm, DimensionNorm] | None:
        """DN1 and DN2; None where other norms are in their place."""
        one, two = self.norm1, self.norm2
        if isinstance(one, DimensionNorm) and isinstance(two, DimensionNorm):
            return one, two
        return None

    def outputs(self, features: Tensor, auxiliary: Tensor | None = None) -> ParsingOutputs:
        """Everything that training needs, of [N, in_channels, h, w].

        Args:
            features: the encoder's.
            auxiliary: logits of an auxiliary head, handed on.
        """
        simulated = self.conv2(self.norm1(self.conv1(features)))
        features_2d = self.branch_2d(features)
        if self.training and self.follows_2d and isinstance(self.norm2, DimensionNorm):
            self.norm2.follow(features_2d.detach())
        calibrated = self.conv3(self.norm2(simulated))
        logits = self.classifier(torch.cat([features_2d, calibrated], 1))
        return ParsingOutputs(logits, auxiliary, simulated, features_2d)

    def forward(self, features: Tensor) -> Tensor:
        """Logits [N, classes, h, w] of features [N, in_channels, h, w]."""
        return self.outputs(features).logits


def distillation_branch(network: nn.Module) -> DistillationBranch | None:
    """The branch of a 2D network; None where it has none."""
    return next((m for m in network.modules() if isinstance(m, DistillationBranch)), None)
