# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What is watched of a distillation while it trains."""

from __future__ import annotations

import torch
from torch import Tensor

from seg3d2d_ros.networks.distillation_branch import DistillationBranch
from training.distillation.losses import covered_rows
from training.distillation.process_mean import mean_over_processes
from training.engine.workers import Workers
from training.points.features.features_folder import ChannelStatistics

_PAIRED = ("loss", "constant", "zero", "covered", "cells")


class DistillationMonitor:
    """Sums over a step, for TensorBoard.

    The regression loss is shown beside its two sanity levels, on the same cells: what a predictor
    of the training set's mean alone would have, and a predictor of zero. A trained branch must go
    clearly below the first.

    Args:
        branch: of the network that is trained.
        statistics: of the 3D features.
    """

    def __init__(self, branch: DistillationBranch, statistics: ChannelStatistics) -> None:
        self.branch, self.statistics = branch, statistics
        self._watching = False
        self._sums: dict[str, float] = {}
        self._moments: list[Tensor] = []

    def begin(self, step: int, every: int) -> None:
        """Forget the step before; look at this one if it is logged, as every so many are."""
        self._watching = (step + 1) % every == 0
        self._sums = dict.fromkeys(_PAIRED, 0.0)
        self._moments = []

    def add_simulated(self, simulated: Tensor) -> None:
        """Take in the simulated 3D features [N, C, h, w] of a part of a step."""
        if self._watching:
            values = simulated.detach().double()
            moments = [values.mean((0, 2, 3)), values.square().mean((0, 2, 3))]
            self._moments.append(torch.stack(moments))

    def add_paired(self, features: Tensor, covered: Tensor, loss_sum: Tensor) -> None:
        """Take in what a part of a step learns from.

        Args:
            features: of the 3D network, [N, C, h, w].
            covered: bool [N, h, w].
            loss_sum: the regression loss, summed, a scalar.
        """
        if not self._watching:
            return
        self._sums["loss"] += float(loss_sum.detach())
        self._sums["covered"] += float(covered.sum())
        self._sums["cells"] += covered.numel()
        rows = covered_rows(features, covered).double()
        mean = torch.from_numpy(self.statistics.mean).to(rows.device)
        self._sums["constant"] += float((rows - mean).square().sum())
        self._sums["zero"] += float(rows.square().sum())

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
        if self._moments:
            mean, square = mean_over_processes(torch.stack(self._moments).mean(0)).cpu()
            std = (square - mean.square()).clamp(min=0).sqrt()
            target = torch.from_numpy(self.statistics.mean)
            target_std = torch.from_numpy(self.statistics.variance).sqrt()
            scalars["distillation/mean_off_by"] = float((mean - target).abs().mean())
            scalars["distillation/deviation_ratio"] = float((std / target_std).mean())
        norms = self.branch.dimension_norms
        if norms is not None:
            scalars["distillation/target_mean_2d"] = float(norms[1].target_mean.mean())
            scalars["distillation/target_deviation_2d"] = float(norms[1].target_std.mean())
        return scalars
