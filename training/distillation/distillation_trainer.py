# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training runs of 3D-to-2D distillation.

Liu, Qi and Fu, "3D-to-2D Distillation for Indoor Scene Parsing", CVPR 2021, Section 3.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

from seg3d2d_ros.networks.distillation_branch import DistillationBranch, distillation_branch
from seg3d2d_ros.networks.parsing_outputs import ParsingOutputs
from training.distillation.adversary import Adversary, new_adversary
from training.distillation.distillation_data import feature_grid, merged_statistics
from training.distillation.distillation_monitor import DistillationMonitor
from training.distillation.losses import ADVERSARIAL, PROJECTION, projection_sum
from training.distillation.paired_trainer import PairedTrainer
from training.distillation.sanity_levels import sanity_levels
from training.distillation.statistics_2d import statistics_2d
from training.distillation.target_batches import check_crops
from training.engine.loss_sums import Terms
from training.engine.settings import ExperimentError
from training.points.features.features_folder import ChannelStatistics

logger = logging.getLogger(__name__)


class DistillationTrainer(PairedTrainer):
    """One run of a network with a distillation branch.

    The loss is the cross-entropy, plus the regression loss of the simulated 3D features on covered
    cells (Eq. 1), plus the adversarial loss on labelled cells (Eq. 4); the discriminators learn
    (Eq. 3) after the network in each step.

    Raises:
        ExperimentError: if the network has no branch or one of another width, or the statistics
            can't be used.
    """

    def _prepare(self, network: nn.Module) -> None:
        config = self.experiment.distillation
        branch = distillation_branch(network)
        if branch is None:
            raise ExperimentError(
                f"network '{self.experiment.network.name}' has no distillation branch; give "
                "network.config.branch"
            )
        self.branch: DistillationBranch = branch
        crops = [self.training.crop]
        crops += [self.training.early_crop] if self.training.early_steps else []
        check_crops(feature_grid(network), *crops)
        if config.unpaired.class_treatment == "classes" and self.training.accumulate > 1:
            raise ExperimentError(
                "distillation.unpaired.class_treatment classes counts the classes of a whole step; "
                "set training.accumulate to 1, or class_treatment to pixels"
            )
        statistics = merged_statistics(config, branch.config.feature_width)
        self._set_targets(statistics)
        levels = sanity_levels(statistics.mean, statistics.variance)
        logger.info(
            "regression loss over all training points, for comparison: %.3f of a predictor of the "
            "mean, %.3f of a predictor of zero",
            levels.constant_mean,
            levels.zero,
        )
        self.adversary: Adversary | None = None
        if config.unpaired.features:
            self.adversary = new_adversary(
                config.unpaired,
                self.label_space,
                branch.config.feature_width,
                self.workers,
                self.training.seed,
                self.folder,
                self.show_progress,
            )
        self.monitor = DistillationMonitor(branch, statistics)

    def _set_targets(self, statistics: ChannelStatistics) -> None:
        """Statistics that the dimension norms bring features to."""
        config, norms = self.experiment.distillation, self.branch.dimension_norms
        if norms is None:
            return
        norms[0].set_target(statistics.mean.tolist(), np.sqrt(statistics.variance).tolist())
        given = statistics_2d(config)
        self.branch.follows_2d = given is None
        if given is not None:
            norms[1].set_target([given[0]], [given[1]])

    def _cells(self, labels: Tensor) -> Tensor:
        """Labels [N, h, w] of the network's features."""
        first = 0 if self.graph.align_corners else self.stride // 2
        return labels[:, first :: self.stride, first :: self.stride]

    def _counts(self, labels: Tensor, *targets: Tensor) -> dict[str, float]:
        self.monitor.begin(self.step, self.training.log_every)
        counts = {}
        if targets:
            counts[PROJECTION] = float(targets[1].sum())
        if self.adversary is not None:
            counts[ADVERSARIAL] = float(self.adversary.count(self._cells(labels)))
        return counts

    def _terms(self, outputs: ParsingOutputs, labels: Tensor, *targets: Tensor) -> Terms:
        config = self.experiment.distillation
        assert outputs.simulated_3d is not None  # of a network with a branch
        simulated = outputs.simulated_3d.float()
        self.monitor.add_simulated(simulated)
        terms: Terms = {}
        if targets:
            features, covered = targets[0].float(), targets[1]
            found = projection_sum(simulated, features, covered)
            terms[PROJECTION] = found, config.projection_weight
            self.monitor.add_paired(features, covered, found.total)
        if self.adversary is not None:
            deceived = self.adversary.deceive(simulated, self._cells(labels))
            terms[ADVERSARIAL] = deceived, config.unpaired.weight
        return terms

    def _end_step(self) -> None:
        if self.adversary is not None:
            watched = (self.step + 1) % self.training.log_every == 0
            self.adversary.learn(self.step, watched=watched)

    def _watched(self) -> dict[str, float]:
        scalars = super()._watched() | self.monitor.scalars(self.workers)
        if self.adversary is not None:
            scalars |= self.adversary.scalars(self.label_space)
        return scalars

    def further_state(self) -> dict[str, Any]:
        """The discriminators and their optimiser."""
        return {} if self.adversary is None else {"adversary": self.adversary.state()}

    def take_further_state(self, state: Mapping[str, Any]) -> None:
        """Go on with them."""
        if self.adversary is not None:
            self.adversary.take_state(state["adversary"])
