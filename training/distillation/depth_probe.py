# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""How much of depth a frozen network's layer still holds: a decoder learns to tell it.

Liu, Qi and Fu, "3D-to-2D Distillation for Indoor Scene Parsing", CVPR 2021, Section 4.5. The paper
names no decoder; ours is :class:`DepthDecoder`, the same for every layer and network.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seg3d2d_ros.networks.layer_features import captured, layers_of
from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from training.distillation.depth_loss import log_depth_sum
from training.distillation.probe_frames import ProbeFrames
from training.distillation.ssim import masked_ssim
from training.engine.optimisation import polynomial
from training.engine.settings import ExperimentError

REACH_M = 10.0
"""Depths are cut there before they are compared; SSIM's range of values."""
_POWER = 0.9


@dataclass(frozen=True)
class ProbeConfig:
    """Settings of the probe.

    Attributes:
        steps: of a layer's decoder.
        batch: frames a step.
        learning_rate: of Adam, at the start; it falls as (1 - progress)^0.9.
        width: channels of the decoder.
        seed: of its weights and the frames' order; the same for every layer.

    Raises:
        ExperimentError: if a setting is impossible.
    """

    steps: int = 2000
    batch: int = 8
    learning_rate: float = 1e-3
    width: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.width) < 1:
            raise ExperimentError("steps, batch and width of a probe must be above 0")
        if not 0 < self.learning_rate < math.inf:
            raise ExperimentError(
                f"the probe's learning rate is {self.learning_rate}, not above 0 and finite"
            )


@dataclass(frozen=True, eq=False)
class LayerProbe:
    """What a layer's decoder came to.

    Attributes:
        layer: its name.
        channels: of its features.
        ssim: mean over val frames, see :func:`training.distillation.ssim.masked_ssim`.
        log_error: mean |log d' - log d| over measured cells of all val frames.
        frames: how many of them had a window that counts.
        shown: depth of the frames that are shown, float32 [K, h, w], metres.
    """

    layer: str
    channels: int
    ssim: float
    log_error: float
    frames: int
    shown: npt.NDArray[np.float32]


class DepthDecoder(nn.Module):
    """Logarithm of depth from features, at a size that is the same for all layers.

    1x1 convolution to `width` channels with batch norm and ReLU, bilinear interpolation to that
    size, twice a 3x3 convolution with batch norm and ReLU, 1x1 convolution to the logarithm of
    metres. All that differs between layers is the number of input channels, and one factor that
    brings features to a root mean square of 1.

    Args:
        channels: of the features.
        width: of the decoder.
        align_corners: whether the first and the last feature lie at the image's corner pixels.
    """

    def __init__(self, channels: int, width: int, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(()))
        self.reduce = nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
        self.last = nn.Conv2d(width, 1, 1)
        self.refine = nn.Sequential(*layers, self.last)

    @torch.no_grad()
    def start_from(self, features: Tensor, log_depth: float) -> None:
        """Set the factor by some features, and begin at a constant depth.

        Args:
            features: [N, channels, h, w].
            log_depth: natural logarithm of metres.
        """
        self.scale.copy_(torch.rsqrt(features.square().mean().clamp(min=1e-20)))
        self.last.bias.fill_(log_depth)  # type: ignore[union-attr]

    def forward(self, features: Tensor, size: tuple[int, int]) -> Tensor:
        """Map [N, channels, h, w] to [N, 1, *size]."""
        reduced = self.reduce(features * self.scale)
        resized = F.interpolate(reduced, size, mode="bilinear", align_corners=self.align_corners)
        return self.refine(resized)


def probe_layer(
    graph: ParsingGraph,
    layer: str,
    train: ProbeFrames,
    val: ProbeFrames,
    *,
    shown: int = 4,
    config: ProbeConfig = ProbeConfig(),  # noqa: B008 - immutable
    device: str = "cpu",
    step_done: Callable[[float], None] | None = None,
) -> LayerProbe:
    """Train a decoder on one layer of a frozen network, and compare its depth with the measured.

    Args:
        graph: network and normalisation; put into evaluation mode, its weights don't change.
        layer: a name of :func:`seg3d2d_ros.networks.layer_features.layers_of`.
        train: frames to learn from.
        val: frames to measure on.
        shown: how many of these, evenly spread, are kept to be shown.
        config: of the training.
        device: where to run.
        step_done: called after every step with its loss.

    Raises:
        ExperimentError: if there is no such layer, or no val frame has depth.
    """
    layers = layers_of(graph.network)
    if layer not in layers:
        raise ExperimentError(f"there is no layer '{layer}'; there are {', '.join(layers)}")
    graph = graph.to(device).eval()

    def features_of(images: Tensor) -> Tensor:
        with torch.no_grad(), captured({layer: layers[layer]}) as features:
            graph.logits(images.to(device))
        return features[layer].float()

    channels = features_of(train.images[:1]).shape[1]
    decoder = _trained(graph.align_corners, channels, features_of, train, config, device, step_done)
    kept = set(shown_frames(len(val), shown))
    values: list[float] = []
    pictures: list[npt.NDArray[np.float32]] = []
    error, cells = 0.0, 0
    for index in range(len(val)):
        depth = val.depth[index : index + 1].to(device)
        with torch.no_grad():
            log_depth = decoder(features_of(val.images[index : index + 1]), val.shape)
            loss = log_depth_sum(log_depth, depth)
        error, cells = error + float(loss.total), cells + int(loss.count)
        predicted = log_depth[0, 0].exp()
        if index in kept:
            pictures.append(predicted.cpu().numpy())
        similarity = masked_ssim(
            predicted.clamp(max=REACH_M), depth[0].clamp(max=REACH_M), depth[0] > 0, REACH_M
        )
        values += [] if similarity is None else [similarity]
    if not values:
        raise ExperimentError("no val frame has enough measured depth for SSIM")
    return LayerProbe(
        layer, channels, float(np.mean(values)), error / cells, len(values), np.stack(pictures)
    )


def shown_frames(count: int, shown: int) -> list[int]:
    """Indices of at most `shown` of `count` frames, evenly spread, ascending."""
    places = np.linspace(0, count - 1, min(shown, count)).astype(int)
    return sorted(set(places.tolist()))


def _trained(
    align_corners: bool,
    channels: int,
    features_of: Callable[[Tensor], Tensor],
    train: ProbeFrames,
    config: ProbeConfig,
    device: str,
    step_done: Callable[[float], None] | None,
) -> DepthDecoder:
    """A decoder in evaluation mode. The random numbers of others are left as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        decoder = DepthDecoder(channels, config.width, align_corners)
    decoder = decoder.to(device).train()
    measured = train.depth[train.depth > 0]
    decoder.start_from(features_of(train.images[: config.batch]), float(measured.log().mean()))
    optimiser = torch.optim.Adam(decoder.parameters(), lr=config.learning_rate)
    for step in range(config.steps):
        chance = np.random.default_rng([config.seed, step])
        chosen = chance.choice(len(train), min(config.batch, len(train)), replace=False)
        index = torch.from_numpy(np.sort(chosen))
        log_depth = decoder(features_of(train.images[index]), train.shape)
        loss = log_depth_sum(log_depth, train.depth[index].to(device))
        mean = loss.total / loss.count.clamp(min=1)
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * polynomial(step / config.steps, _POWER)
        optimiser.zero_grad()
        mean.backward()
        optimiser.step()
        if step_done is not None:
            step_done(float(mean.detach()))
    return decoder.eval()
