# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""HRNet with object-contextual representations, plain or with the head of 3D-to-2D distillation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from seg3d2d_ros.networks.branch_config import branch_config
from seg3d2d_ros.networks.distillation_branch import DistillationBranch
from seg3d2d_ros.networks.hrnet import HRNet
from seg3d2d_ros.networks.object_context import ObjectContext
from seg3d2d_ros.networks.parsing_outputs import ParsingOutputs


class HRNetOCR(nn.Module):
    """HRNetV2-W48 and OCR; logits at a quarter of the image's size.

    Its auxiliary head gives the soft object regions, so that it is there in evaluation, too.

    Args:
        num_classes: number of classes, unlabeled not counted.
        width: channels of the context.
        keys: channels in which positions and regions are compared.
        branch: settings of a :class:`DistillationBranch` in the classifier's place, on the features
            with their context; None for none.
        dropout: probability with which one of these is dropped in training.

    Raises:
        ValueError: if a setting is impossible.
        ModuleNotFoundError: if timm is not installed.
    """

    output_stride = 4
    multiple = 32
    align_corners = True

    def __init__(
        self,
        num_classes: int,
        width: int = 512,
        keys: int = 256,
        branch: Mapping[str, Any] | None = None,
        dropout: float = 0.05,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.encoder = HRNet()
        channels = self.encoder.out_channels
        self.regions = nn.Sequential(
            nn.Conv2d(channels, channels, 1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, num_classes, 1),
        )
        self.reduce = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.context = ObjectContext(width, keys, dropout)
        self.head: nn.Conv2d | DistillationBranch
        if branch is None:
            self.head = nn.Conv2d(width, num_classes, 1)
            self.feature_width = width
        else:
            self.head = DistillationBranch(width, num_classes, branch_config(branch))
            self.feature_width = self.head.feature_width

    def outputs(self, image: Tensor) -> ParsingOutputs:
        """Everything that training needs, of a normalised image [N, 3, H, W] of any size."""
        features = self.encoder(image)
        regions = self.regions(features)
        features = self.context(self.reduce(features), regions)
        if isinstance(self.head, DistillationBranch):
            return self.head.outputs(features, regions)
        return ParsingOutputs(self.head(features), regions, None, features)

    def forward(self, image: Tensor) -> Tensor:
        """Logits [N, num_classes, ceil(H / 4), ceil(W / 4)] of a normalised image [N, 3, H, W]."""
        return self.outputs(image).logits
