# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""PSPNet (Zhao et al., CVPR 2017), plain or with the head of 3D-to-2D distillation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from seg3d2d_ros.networks.branch_config import branch_config
from seg3d2d_ros.networks.distillation_branch import DistillationBranch
from seg3d2d_ros.networks.parsing_outputs import ParsingOutputs
from seg3d2d_ros.networks.pyramid_pooling import PyramidPooling
from seg3d2d_ros.networks.resnet import DilatedResNet


def classifying_head(
    in_channels: int, width: int, num_classes: int, dropout: float
) -> nn.Sequential:
    """3x3 convolution, batch norm, ReLU, dropout of channels, 1x1 convolution."""
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Dropout2d(dropout),
        nn.Conv2d(width, num_classes, 1),
    )


class PSPNet(nn.Module):
    """Dilated ResNet, pyramid pooling and a classifier; logits at an eighth of the image's size.

    Args:
        num_classes: number of classes, unlabeled not counted.
        depth: of the ResNet, 50 or 101.
        auxiliary: whether the third stage has a classifier of its own, for training.
        branch: settings of a :class:`DistillationBranch` in the classifier's place; None for none.
        dropout: probability with which a channel before a classifier is dropped in training.

    Raises:
        ValueError: if a setting is impossible.
    """

    output_stride = 8
    multiple = 8
    align_corners = True

    def __init__(
        self,
        num_classes: int,
        depth: int = 50,
        auxiliary: bool = False,
        branch: Mapping[str, Any] | None = None,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.encoder = DilatedResNet(depth)
        channels = self.encoder.channels[-1]
        self.pyramid = PyramidPooling(channels, channels // 4)
        joined = self.pyramid.out_channels
        self.auxiliary: nn.Module | None = None
        if auxiliary:
            third = self.encoder.channels[-2]
            self.auxiliary = classifying_head(third, third // 4, num_classes, dropout)
        self.head: nn.Sequential | DistillationBranch
        if branch is None:
            self.head = classifying_head(joined, channels // 4, num_classes, dropout)
            self.feature_width = channels // 4
        else:
            config = branch_config(branch)
            self.head = DistillationBranch(joined, num_classes, config, dropout=dropout)
            self.feature_width = self.head.feature_width

    def outputs(self, image: Tensor) -> ParsingOutputs:
        """Everything that training needs, of a normalised image [N, 3, H, W] of any size."""
        stages = self.encoder(image)
        auxiliary = None if self.auxiliary is None else self.auxiliary(stages[-2])
        features = self.pyramid(stages[-1])
        if isinstance(self.head, DistillationBranch):
            return self.head.outputs(features, auxiliary)
        penultimate = self.head[:3](features)
        return ParsingOutputs(self.head[3:](penultimate), auxiliary, None, penultimate)

    def forward(self, image: Tensor) -> Tensor:
        """Logits [N, num_classes, ceil(H / 8), ceil(W / 8)] of a normalised image [N, 3, H, W]."""
        return self.head(self.pyramid(self.encoder(image)[-1]))
