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
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seg3d2d_ros.networks.distillation_branch import DistillationBranch, distillation_branch
from seg3d2d_ros.networks.registry import geometry
from training.data.batches import TrainingBatches
from training.distillation.adversary import Adversary, new_adversary
from training.distillation.distillation_data import (
    feature_grid,
    merged_statistics,
    open_projected_features,
)
from training.distillation.distillation_monitor import DistillationMonitor
from training.distillation.losses import (
    ADVERSARIAL,
    PROJECTION,
    SEGMENTATION,
    LossSum,
    divisors,
    projection_sum,
    weighted_loss,
)
from training.distillation.paired_batches import PairedBatches
from training.distillation.statistics_2d import statistics_2d
from training.engine.settings import ExperimentError
from training.engine.trainer import Trainer

logger = logging.getLogger(__name__)


class DistillationTrainer(Trainer):
    """One run of a network with a distillation branch; see :class:`Trainer`.

    The loss is the cross-entropy, plus the regression loss of the simulated 3D features on covered
    cells, plus the adversarial loss on labelled cells. Sums are divided by counts of all processes
    and of all parts of a step, so that their gradients are those of one batch.

    Raises:
        ExperimentError: if the network has no branch or one of another width, or the statistics
            can't be used.
        DatasetError: if features or visible points can't be used, or no frame has any.
    """

    def _new_batches(self) -> TrainingBatches:
        config = self.experiment.distillation
        if not config.paired:
            return super()._new_batches()
        features = open_projected_features(self.experiment)
        grid = feature_grid(self.graph.network)
        pairings = [
            each.pairing(part.frames)
            for each, part in zip(features, self.train_frames.parts, strict=True)
            if each is not None
        ]
        if not any(pairing.paired for pairing in pairings):
            raise ExperimentError(
                "no training frame has features of a 3D network: "
                + "; ".join(pairing.text() for pairing in pairings)
            )
        for pairing in pairings:
            logger.info("%s", pairing.text())
        try:
            for side in self.training.crop:
                grid.shape(side, side)
            return PairedBatches(self.train_frames, features, grid, **self._batch_settings())
        except ValueError as error:
            raise ExperimentError(f"training.crop: {error}") from error

    def _prepare(self, network: nn.Module) -> None:
        config = self.experiment.distillation
        branch = distillation_branch(network)
        if branch is None:
            raise ExperimentError(
                f"network '{self.experiment.network.name}' has no distillation branch; give "
                "network.config.branch"
            )
        self.branch: DistillationBranch = branch
        self.stride = geometry(network)[0]
        self._set_targets()
        self.adversary: Adversary | None = None
        if config.unpaired.features:
            self.adversary = new_adversary(
                config.unpaired,
                self.label_space,
                branch.config.feature_width,
                self.workers,
                self.training.seed,
            )
        self.monitor = DistillationMonitor(self.branch)

    def _set_targets(self) -> None:
        """Statistics that the dimension norms bring features to."""
        config, norms = self.experiment.distillation, self.branch.dimension_norms
        statistics = merged_statistics(config, self.branch.config.feature_width)
        if norms is None:
            return
        try:
            norms[0].set_target(statistics.mean.tolist(), np.sqrt(statistics.variance).tolist())
        except ValueError as error:
            raise ExperimentError(f"distillation.features: {error}") from error
        given = statistics_2d(config)
        self.branch.follows_2d = given is None
        if given is not None:
            norms[1].set_target([given[0]], [given[1]])

    def _train_step(
        self,
        images: Tensor,
        labels: Tensor,
        features: Tensor | None = None,
        covered: Tensor | None = None,
    ) -> float:
        self._begin_step()
        phase, parts = self._phase(), self.training.accumulate
        self._divisors = self._count(labels, phase, covered)
        self.monitor.begin(self.step, self.training.log_every)
        pairs: list[Any] = [images.chunk(parts), labels.chunk(parts)]
        pairs += [
            [None] * parts if maps is None else maps.chunk(parts) for maps in (features, covered)
        ]
        loss = self._descend(
            self._distillation_loss(*part, phase=phase) for part in zip(*pairs, strict=True)
        )
        if self.adversary is not None:
            self.adversary.learn(self.step)
        return loss

    def _count(
        self, labels: Tensor, phase: tuple[int, int], covered: Tensor | None
    ) -> dict[str, float]:
        """What sums are divided by: means over the processes of what each has in this step."""
        truth = self._truth(labels, phase)
        truth = truth[truth != self.label_space.unlabeled]
        counts = {SEGMENTATION: float(self.weights.cpu()[truth].sum())}
        if covered is not None:
            counts[PROJECTION] = float(covered.sum())
        if self.adversary is not None:
            counts[ADVERSARIAL] = float(self.adversary.count(self._cells(labels)))
        reduction = self.experiment.distillation.reduction
        return divisors(counts, reduction, self.workers.mean)

    def _cells(self, labels: Tensor) -> Tensor:
        """Labels [N, h, w] of the network's features."""
        first = 0 if self.graph.align_corners else self.stride // 2
        return labels[:, first :: self.stride, first :: self.stride]

    def _distillation_loss(
        self,
        images: Tensor,
        labels: Tensor,
        features: Tensor | None,
        covered: Tensor | None,
        *,
        phase: tuple[int, int],
    ) -> Tensor:
        config = self.experiment.distillation
        with self._autocast():
            outputs = self.graph.outputs(images.to(self.device))
        labels = labels.to(self.device)
        terms = {SEGMENTATION: (self._parsing_sum(outputs.logits, labels, phase), 1.0)}
        loss = weighted_loss(terms, self._divisors)
        if outputs.auxiliary is not None:
            auxiliary = self._parsing_sum(outputs.auxiliary, labels, phase)
            weight = self.training.auxiliary_weight
            loss = loss + weighted_loss({SEGMENTATION: (auxiliary, weight)}, self._divisors)
        assert outputs.simulated_3d is not None  # a network with a branch
        simulated = outputs.simulated_3d.float()
        terms = {}
        if features is not None and covered is not None:
            features, covered = features.to(self.device).float(), covered.to(self.device)
            found = projection_sum(simulated, features, covered)
            terms[PROJECTION] = found, config.projection_weight
            self.monitor.add(simulated.detach(), features, covered, float(found.total.detach()))
        if self.adversary is not None:
            deceived = self.adversary.deceive(simulated, self._cells(labels))
            terms[ADVERSARIAL] = deceived, config.unpaired.weight
        return loss + weighted_loss(terms, self._divisors)

    def _parsing_sum(self, logits: Tensor, labels: Tensor, phase: tuple[int, int]) -> LossSum:
        total = F.cross_entropy(
            self._pixels(logits, labels),
            self._truth(labels, phase),
            self.weights,
            ignore_index=self.label_space.unlabeled,
            label_smoothing=self.training.label_smoothing,
            reduction="sum",
        )
        return LossSum(total, torch.zeros(()))  # the counts are the whole step's

    def _watched(self) -> dict[str, float]:
        scalars = self.monitor.scalars(self.workers)
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
