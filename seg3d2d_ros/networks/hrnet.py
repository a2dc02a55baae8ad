# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""HRNetV2-W48 (Wang et al., TPAMI 2020) as an encoder; its layers are timm's."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seg3d2d_ros.networks.imagenet_statistics import IMAGENET_RGB_MEAN, IMAGENET_RGB_STD

_COARSEST_STRIDE = 32
_OPERATORS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
"""Of torchvision, by the schemas under which it describes them to PyTorch when it is imported."""
_declared: list[torch.library.Library] = []
"""Declarations hold as long as these objects do."""


def declare_torchvision_operators() -> None:
    """Let torchvision be imported beside builds of PyTorch that its wheel was not made for.

    The wheel on PyPI fails to import beside PyTorch's CPU build, for one, as the operators that it
    describes to PyTorch aren't there. They are declared then, and not implemented: what imports
    torchvision for other things, as timm does, works.
    """
    try:
        import torchvision  # noqa: F401
    except ImportError:
        pass
    except RuntimeError:
        for name, schema in _OPERATORS.items():
            if not hasattr(torch.ops.torchvision, name):
                library = torch.library.Library("torchvision", "FRAGMENT")
                library.define(name + schema)
                _declared.append(library)


def timm_package() -> Any:
    """The package timm, which imports torchvision for its image transforms.

    Raises:
        ModuleNotFoundError: if it can't be imported.
    """
    declare_torchvision_operators()
    try:
        import timm
    except (ImportError, RuntimeError, AttributeError) as error:  # the latter of torchvision
        raise ModuleNotFoundError(
            f"HRNet's layers come from timm, which can't be imported ({error}): "
            "pip install 'seg3d2d[hrnet]'"
        ) from error
    return timm


class HRNet(nn.Module):
    """Features of four resolutions, brought to a quarter of the image's size and joined.

    Feature i of the finest map lies at pixel 4 i. The coarser maps are stretched onto it with
    aligned corners, as in the published network, which moves their last features outwards.

    Raises:
        ModuleNotFoundError: if timm is not installed.
    """

    pixel_mean = IMAGENET_RGB_MEAN
    pixel_std = IMAGENET_RGB_STD
    timm_name = "hrnet_w48"
    """What timm calls the network that these layers are of."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = timm_package().create_model(
            self.timm_name, features_only=True, feature_location="", out_indices=(1, 2, 3, 4)
        )
        self.out_channels = sum(self.layers.feature_info.channels())

    def forward(self, image: Tensor) -> Tensor:
        """Map a normalised image [N, 3, H, W] to [N, 720, ceil(H / 4), ceil(W / 4)]."""
        height, width = image.shape[2:]
        below, beside = -height % _COARSEST_STRIDE, -width % _COARSEST_STRIDE
        if below or beside:  # resolutions differ by factors of two, which must come out even
            image = F.pad(image, (0, beside, 0, below))
        finest, *coarser = self.layers(image)
        size = finest.shape[2:]
        maps = [finest] + [
            F.interpolate(features, size, mode="bilinear", align_corners=True)
            for features in coarser
        ]
        joined = torch.cat(maps, 1)
        if below or beside:
            joined = joined[:, :, : -(-height // 4), : -(-width // 4)]
        return joined
