# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What is watched of a distillation while it trains."""

from __future__ import annotations

import torch
from torch import Tensor

from seg3d2d_ros.networks.distillation_branch import DistillationBranch
from training.distillation.process_mean import mean_over_processes
from training.distillation.sanity_levels import batch_sanity_levels
from training.engine.workers import Workers

_PAIRED = ("loss", "constant", "zero", "covered", "cells")


class DistillationMonitor:
    """Sums over a step, for TensorBoard.

    The regression loss is shown beside its two sanity levels, on the same cells: what a predictor
    of the mean alone would have (the total variance of the features), and a predictor of zero. A
    trained branch must go clearly below the first.

    Args:
        branch: of the network that is trained.
    """

    def __init__(self, branch: DistillationBranch) -> None:
        self.branch = branch
        self._watching = False
        self._sums: dict[str, float] = {}
        self._moments: list[Tensor] = []

    def begin(self, step: int, every: int) -> None:
        """Forget the step before; look at this one if it is logged, as every so many are."""
        self._watching = (step + 1) % every == 0
        self._sums = dict.fromkeys(_PAIRED, 0.0)
        self._moments = []

    def add(self, simulated: Tensor, features: Tensor, covered: Tensor, loss_sum: float) -> None:
        """Take in a part of a step.

        Args:
            simulated: simulated 3D features [N, C, h, w].
            features: those of the 3D network.
            covered: bool [N, h, w].
            loss_sum: their regression loss, summed.
        """
        if not self._watching:
            return
        self._sums["loss"] += loss_sum
        self._sums["covered"] += float(covered.sum())
        self._sums["cells"] += covered.numel()
        levels = batch_sanity_levels(features, covered)
        if levels is not None:
            self._sums["constant"] += levels.constant_mean * float(covered.sum())
            self._sums["zero"] += levels.zero * float(covered.sum())
        values = simulated.double()
        moments = torch.stack([values.mean((0, 2, 3)), values.square().mean((0, 2, 3))])
        self._moments.append(moments)

    def scalars(self, workers: Workers) -> dict[str, float]:
        """Scalars of the step, the same in all processes."""
        sums = {name: workers.mean(value) for name, value in self._sums.items()}
        scalars = {}
        if sums["cells"]:
            scalars["distillation/covered"] = sums["covered"] / sums["cells"]
        if sums["covered"]:
            for name, title in (
                ("loss", "projection_loss"),
                ("constant", "projection_loss_of_the_mean"),
                ("zero", "projection_loss_of_zero"),
            ):
                scalars[f"distillation/{title}"] = sums[name] / sums["covered"]
        norms = self.branch.dimension_norms
        if norms is not None:
            if self._moments:
                mean, square = mean_over_processes(torch.stack(self._moments).mean(0)).cpu()
                std = (square - mean.square()).clamp(min=0).sqrt()
                target = norms[0].target_mean.cpu().double(), norms[0].target_std.cpu().double()
                scalars["distillation/mean_off_by"] = float((mean - target[0]).abs().mean())
                scalars["distillation/deviation_ratio"] = float((std / target[1]).mean())
            scalars["distillation/target_mean_2d"] = float(norms[1].target_mean.mean())
            scalars["distillation/target_deviation_2d"] = float(norms[1].target_std.mean())
        return scalars
