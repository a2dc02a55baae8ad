# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The Multitask baseline: a network that also predicts depth.

Liu, Qi and Fu, "3D-to-2D Distillation for Indoor Scene Parsing", CVPR 2021, Section 4.1 (ii) and
Figure 4 (a).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from torch import Tensor, nn

from seg3d2d_ros.networks.layer_features import captured, first_convolution, head_of, trunk_of
from seg3d2d_ros.networks.parsing_outputs import ParsingOutputs

_TRUNK = "trunk"


def depth_head(in_channels: int, hidden: int, width: int) -> nn.Sequential:
    """Logarithm of depth from features, by the convolutions of the distillation branch.

    As Conv1, norm and Conv2 of :class:`seg3d2d_ros.networks.distillation_branch.DistillationBranch`
    give simulated 3D features, with batch norm in place of DN1, as there are no statistics of
    depth features to be brought to, and one channel of any sign at the end.

    Args:
        in_channels: of the features.
        hidden: channels of the 3x3 convolution on them.
        width: channels between.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, hidden, 3, padding=1, bias=False),
        nn.BatchNorm2d(hidden),
        nn.ReLU(),
        nn.Conv2d(hidden, width, 1),
        nn.BatchNorm2d(width),
        nn.Conv2d(width, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, 1, 1),
    )


class DepthMultitask(nn.Module):
    """A network of the registry with a depth head beside its classifier.

    The head sees what the classifier does, as the distillation branch would. In use it is idle: the
    logits are those of the network alone.

    Args:
        num_classes: number of classes, unlabeled not counted.
        network: name in the registry.
        config: its settings, without a distillation branch.
        hidden: channels of the depth head's first convolution.
        width: channels between its convolutions.

    Raises:
        ValueError: if a setting is impossible.
    """

    def __init__(
        self,
        num_classes: int,
        network: str = "pspnet",
        config: Mapping[str, Any] | None = None,
        hidden: int = 512,
        width: int = 96,
    ) -> None:
        from seg3d2d_ros.networks.registry import aligns_corners, build_network, geometry
        from seg3d2d_ros.networks.registry import feature_width as classifier_width

        super().__init__()
        settings = dict(config or {})
        if settings.get("branch") is not None:
            raise ValueError("the depth head takes the branch's place; config has a branch, too")
        self.num_classes = num_classes
        self.parsing_network = build_network(network, settings, num_classes)
        self.output_stride, self.multiple = geometry(self.parsing_network)
        self.align_corners = aligns_corners(self.parsing_network)
        self.feature_width = classifier_width(self.parsing_network)
        channels = first_convolution(head_of(self.parsing_network)).in_channels
        self.depth_head = depth_head(channels, hidden, width)

    @property
    def encoder(self) -> nn.Module:
        """That of the network."""
        return cast(nn.Module, self.parsing_network.encoder)

    @property
    def head(self) -> nn.Module:
        """The classifier."""
        return head_of(self.parsing_network)

    def outputs(self, image: Tensor) -> ParsingOutputs:
        """The network's own, with depth, of a normalised image [N, 3, H, W]."""
        with captured({_TRUNK: trunk_of(self.parsing_network)}) as features:
            outputs = cast(ParsingOutputs, cast(Any, self.parsing_network).outputs(image))
        return replace(outputs, log_depth=self.depth_head(features[_TRUNK]))

    def forward(self, image: Tensor) -> Tensor:
        """Logits [N, num_classes, h, w] of a normalised image [N, 3, H, W]."""
        return self.parsing_network(image)
