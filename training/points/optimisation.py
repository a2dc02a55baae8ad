# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Learning-rate schedules and parameter groups of 3D networks."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from training.engine.optimisation import polynomial
from training.points.experiment import PointTrainingConfig


def schedule_factor(
    config: PointTrainingConfig, step: int, progress: float, steps_per_epoch: int
) -> float:
    """Part of the peak rate by the schedule, without warm-up.

    Args:
        config: names the schedule.
        step: steps done.
        progress: part of the run that is done, in [0, 1].
        steps_per_epoch: for the schedule ``step``.
    """
    if config.schedule == "cosine":
        return (1 + math.cos(math.pi * min(progress, 1.0))) / 2
    if config.schedule == "step":
        return config.step_factor ** (step // steps_per_epoch // config.step_epochs)
    return polynomial(progress, config.power)


def parameter_groups(network: nn.Module, config: PointTrainingConfig) -> list[dict[str, Any]]:
    """Optimiser groups by decay; each holds its own ``peak`` learning rate."""
    common: dict[str, Any] = {"peak": config.learning_rate, "weight_decay": config.weight_decay}
    if config.optimiser == "sgd":
        return [{"params": list(network.parameters()), **common}]
    # a bias of [1, c] is one dimension, as MinkowskiEngine writes it
    flat = [p for p in network.parameters() if max(p.shape, default=1) == p.numel()]
    flat_ids = {id(parameter) for parameter in flat}
    decayed = [p for p in network.parameters() if id(p) not in flat_ids]
    return [{"params": decayed, **common}, {"params": flat, **common, "weight_decay": 0.0}]
