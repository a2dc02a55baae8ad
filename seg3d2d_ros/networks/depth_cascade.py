# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The Cascade baseline: a network that sees a depth map which another one predicts.

Liu, Qi and Fu, "3D-to-2D Distillation for Indoor Scene Parsing", CVPR 2021, Section 4.1 (iii) and
Figure 4 (b). There the depth is BTS's (Lee et al., 2019); here a network of the registry with one
output, trained on the same data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from seg3d2d_ros.networks.layer_features import first_convolution, head_of
from seg3d2d_ros.networks.parsing_outputs import ParsingOutputs
from seg3d2d_ros.networks.upsampling import upsample

_LOG_DEPTH_MEAN, _LOG_DEPTH_STD = 1.0, 0.5
"""Indoor depths, most of them 1 to 7 m, become values of about -2 to 2, as the image's are."""


def add_input_channel(encoder: nn.Module) -> None:
    """Let an encoder's first convolution take one more channel, which at first plays no part.

    Stored weights without the channel, such as ImageNet's, can still be loaded; they leave the
    channel's weights as they are.

    Args:
        encoder: changed in place.
    """
    convolution = first_convolution(encoder)
    weight = convolution.weight.detach()
    convolution.weight = nn.Parameter(torch.cat([weight, torch.zeros_like(weight[:, :1])], 1))
    convolution.in_channels += 1
    convolution.register_load_state_dict_pre_hook(_complete_weight)


def _complete_weight(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    name = f"{prefix}weight"
    stored, own = state.get(name), cast(nn.Conv2d, module).weight.detach()
    if stored is not None and stored.shape == own[:, :-1].shape:
        state[name] = torch.cat([stored, own[:, -1:].to(stored)], 1)


class DepthCascade(nn.Module):
    """A frozen depth network, and a network that sees its depth as a fourth channel of the image.

    From RGB alone, so that a bundle of it runs like any other. Fusion is early: the logarithm of
    the predicted depth, less 1 and times 2, is put beside the normalised colours.

    The depth network is one of the registry with a single output in place of classes, the natural
    logarithm of depth in metres. It is always in evaluation mode and has no gradients. Both
    networks take the same normalised image.

    Args:
        num_classes: number of classes, unlabeled not counted.
        network: name in the registry of the network that parses.
        config: its settings.
        depth_network: name of the depth network; None for `network`.
        depth_config: its settings.

    Raises:
        ValueError: if a setting is impossible, or the two do not take the same images.
    """

    def __init__(
        self,
        num_classes: int,
        network: str = "pspnet",
        config: Mapping[str, Any] | None = None,
        depth_network: str | None = None,
        depth_config: Mapping[str, Any] | None = None,
    ) -> None:
        from seg3d2d_ros.networks.registry import aligns_corners, build_network, geometry
        from seg3d2d_ros.networks.registry import feature_width as classifier_width

        super().__init__()
        self.num_classes = num_classes
        self.depth_network = build_network(depth_network or network, depth_config or {}, 1)
        self.depth_network.requires_grad_(False).eval()
        self.parsing_network = build_network(network, config or {}, num_classes)
        self.output_stride, own_multiple = geometry(self.parsing_network)
        self.depth_stride, depth_multiple = geometry(self.depth_network)
        self.multiple = math.lcm(own_multiple, depth_multiple)
        self.align_corners = aligns_corners(self.parsing_network)
        if self.align_corners != aligns_corners(self.depth_network):
            raise ValueError(
                f"'{network}' and the depth network '{depth_network}' place their features "
                "differently, and so take images of other sizes; use two that align corners, or "
                "two that don't"
            )
        self.feature_width = classifier_width(self.parsing_network)
        add_input_channel(self.encoder)

    @property
    def encoder(self) -> nn.Module:
        """That of the network that parses."""
        return cast(nn.Module, self.parsing_network.encoder)

    @property
    def head(self) -> nn.Module:
        """Classifier or distillation branch of the network that parses."""
        return head_of(self.parsing_network)

    def train(self, mode: bool = True) -> DepthCascade:
        """As of any module, but for the depth network, which stays in evaluation mode."""
        super().train(mode)
        self.depth_network.eval()
        return self

    def log_depth(self, image: Tensor) -> Tensor:
        """Predicted depth, natural logarithm of metres, [N, 1, H, W], of an image [N, 3, H, W]."""
        height, width = image.shape[2:]
        maps = self.depth_network(image)
        return upsample(maps, self.depth_stride, self.align_corners, height, width)

    def _with_depth(self, image: Tensor) -> Tensor:
        """[N, 4, H, W] of a normalised image [N, 3, H, W]."""
        channel = (self.log_depth(image) - _LOG_DEPTH_MEAN) / _LOG_DEPTH_STD
        return torch.cat([image, channel.to(image.dtype)], 1)

    def outputs(self, image: Tensor) -> ParsingOutputs:
        """Everything that training needs, of a normalised image [N, 3, H, W]."""
        network = cast(Any, self.parsing_network)
        return cast(ParsingOutputs, network.outputs(self._with_depth(image)))

    def forward(self, image: Tensor) -> Tensor:
        """Logits [N, num_classes, h, w] of a normalised image [N, 3, H, W]."""
        return self.parsing_network(self._with_depth(image))
