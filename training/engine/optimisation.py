# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Loss, learning-rate schedule, parameter groups and averaged weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from training.engine.run_config import RunConfig

if TYPE_CHECKING:  # 3D networks use the rest of this, without what reads images
    from training.engine.experiment import TrainingConfig


def warm_up(step: int, steps: int) -> float:
    """Part of the rate at a step, of so many over which it rises linearly."""
    return min(1.0, (step + 1) / max(steps, 1))


def polynomial(progress: float, power: float) -> float:
    """Part of the peak rate: (1 - progress)^power, of progress in [0, 1]."""
    return (1.0 - min(progress, 1.0)) ** power


def parameter_groups(network: nn.Module, config: TrainingConfig) -> list[dict[str, Any]]:
    """Optimiser groups by part (encoder or rest) and decay.

    Each group holds its own ``peak`` learning rate.
    """
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:  # of a frozen part
            continue
        in_encoder = name.removeprefix("parsing_network.").startswith("encoder.")
        key = (in_encoder, parameter.ndim > 1 or config.decay == "all")
        groups.setdefault(key, []).append(parameter)
    return [
        {
            "params": parameters,
            "peak": config.learning_rate * (config.encoder_rate if in_encoder else 1.0),
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for (in_encoder, decays), parameters in groups.items()
    ]


def new_optimiser(
    groups: list[dict[str, Any]], config: RunConfig, dampening: float = 0.0
) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum, of groups that each hold their own ``peak`` learning rate."""
    if config.optimiser == "sgd":
        return torch.optim.SGD(
            groups, lr=config.learning_rate, momentum=config.momentum, dampening=dampening
        )
    return torch.optim.AdamW(groups, lr=config.learning_rate)


def class_weights(frequencies: npt.NDArray[np.float64], exponent: float) -> Tensor:
    """Weights frequency^-exponent, scaled to a mean of 1 over pixels.

    Classes rarer than one pixel in a thousand count as that frequent, so that no few pixels
    dominate; classes that never occur get the same weight as those.
    """
    weights = np.maximum(frequencies, 1e-3) ** -exponent
    weights /= (weights * frequencies).sum() / frequencies.sum()
    return torch.tensor(weights, dtype=torch.float32)


class AveragedWeights:
    """Exponential moving average of a network's parameters and statistics.

    Early on the decay is smaller, (1 + step) / (10 + step), so that the start is soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: value.clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the network's weights after a step."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averaged, current = [], []
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                averaged.append(self.state[name])
                current.append(value)
            else:
                self.state[name].copy_(value)
        torch._foreach_lerp_(averaged, current, 1.0 - decay)
