# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Networks that give every pixel class logits."""

from __future__ import annotations

from torch import Tensor, nn

from seg3d2d_ros.networks.efficientnet_lite import EfficientNetLite
from seg3d2d_ros.networks.feature_pyramid import FeaturePyramid


class EfficientNetLiteFPN(nn.Module):
    """EfficientNet-Lite with a feature pyramid; logits at a quarter of the input size.

    Args:
        num_classes: number of classes, unlabeled not counted.
        variant: of the encoder, 0, 1 or 2.
        width: channels of the decoder.
        dropout: probability with which a decoder channel is dropped before the classifier while
            training.
    """

    output_stride = 4
    multiple = 32

    def __init__(
        self, num_classes: int, variant: int = 0, width: int = 96, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.feature_width = width
        self.encoder = EfficientNetLite(variant)
        self.decoder = FeaturePyramid(self.encoder.tap_channels[1:], width)
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = nn.Conv2d(width, num_classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits [N, num_classes, H / 4, W / 4] of a normalised image [N, 3, H, W].

        H and W are multiples of 32.
        """
        return self.classifier(self.dropout(self.decoder(self.encoder(image)[1:])))
