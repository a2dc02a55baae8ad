# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Light networks that give every pixel class logits, the students."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from seg3d2d_ros.networks.branch_config import branch_config
from seg3d2d_ros.networks.distillation_branch import DistillationBranch
from seg3d2d_ros.networks.efficientnet_lite import EfficientNetLite
from seg3d2d_ros.networks.feature_pyramid import FeaturePyramid
from seg3d2d_ros.networks.parsing_outputs import ParsingOutputs


class EfficientNetLiteFPN(nn.Module):
    """EfficientNet-Lite with a feature pyramid; logits at a quarter of the input size.

    Args:
        num_classes: number of classes, unlabeled not counted.
        variant: of the encoder, 0, 1 or 2.
        width: channels of the decoder.
        dropout: probability with which a decoder channel is dropped before the classifier while
            training.
        branch: settings of a :class:`DistillationBranch` in the classifier's place; None for none.

    Raises:
        ValueError: if a setting is impossible.
    """

    output_stride = 4
    multiple = 32
    align_corners = False

    def __init__(
        self,
        num_classes: int,
        variant: int = 0,
        width: int = 96,
        dropout: float = 0.1,
        branch: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.encoder = EfficientNetLite(variant)
        self.decoder = FeaturePyramid(self.encoder.tap_channels[1:], width)
        self.dropout = nn.Dropout2d(dropout)
        self.classifier: nn.Conv2d | DistillationBranch
        if branch is None:
            self.classifier = nn.Conv2d(width, num_classes, 1)
            self.feature_width = width
        else:
            # the branch drops channels of its own
            self.dropout = nn.Dropout2d(0.0)
            config = branch_config(branch)
            self.classifier = DistillationBranch(width, num_classes, config, dropout=dropout)
            self.feature_width = self.classifier.feature_width

    def outputs(self, image: Tensor) -> ParsingOutputs:
        """Everything that training needs, of a normalised image as :meth:`forward` takes it."""
        features = self.decoder(self.encoder(image)[1:])
        if isinstance(self.classifier, DistillationBranch):
            return self.classifier.outputs(features)
        return ParsingOutputs(self.classifier(self.dropout(features)), None, None, features)

    def forward(self, image: Tensor) -> Tensor:
        """Logits [N, num_classes, H / 4, W / 4] of a normalised image [N, 3, H, W].

        H and W are multiples of 32.
        """
        return self.classifier(self.dropout(self.decoder(self.encoder(image)[1:])))
