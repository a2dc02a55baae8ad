# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training runs of structured knowledge distillation with a 3D teacher, a baseline of Table 2."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seg3d2d_ros.networks.distillation_branch import distillation_branch
from seg3d2d_ros.networks.parsing_outputs import ParsingOutputs
from training.distillation.holistic_critic import HolisticCritic
from training.distillation.paired_trainer import PairedTrainer
from training.distillation.structured_distillation import (
    pair_wise_sum,
    pixel_wise_sum,
    teacher_logits,
)
from training.engine.loss_sums import Terms, divisors
from training.engine.settings import ExperimentError
from training.points.features.features_folder import FeatureClassifier, PointFeatures

PIXEL_WISE, PAIR_WISE, HOLISTIC, CRITIC = "pixel_wise", "pair_wise", "holistic", "critic"
_BETAS = (0.0, 0.9)
"""Of the critic's Adam, as its published code has them."""


class StructuredDistillationTrainer(PairedTrainer):
    """One run of a network without a branch, taught by the scores of a 3D network.

    Raises:
        ExperimentError: if the teacher's classes are others than the network's.
    """

    def _prepare(self, network: nn.Module) -> None:
        self.structured = self.experiment.distillation.structured
        if distillation_branch(network) is not None:
            raise ExperimentError(
                "structured distillation is for networks without a distillation branch; take it "
                "out of network.config"
            )
        weight, bias = self._teacher()
        self._weight = torch.from_numpy(weight).to(self.device)
        self._bias = torch.from_numpy(bias).to(self.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.training.seed)
            critic = HolisticCritic(self.label_space.num_classes)
        self.critic = critic.to(self.device)
        self.workers.same_start(self.critic.state_dict().values())
        self.critic_optimiser = torch.optim.Adam(
            self.critic.parameters(), lr=self.structured.learning_rate, betas=_BETAS
        )
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []
        self._scalars: dict[str, float] = {}
        self._sums: dict[str, float] = {}
        self._numbers: dict[str, float] = {}

    def _teacher(self) -> tuple[Any, Any]:
        """Weight [classes, C] and bias of the 3D network's last layer, in this network's order."""
        found: list[FeatureClassifier] = []
        for folder in sorted({each for each in self.experiment.distillation.features if each}):
            features = PointFeatures(Path(folder))
            names = features.label_space.names
            absent = [name for name in self.label_space.names if name not in names]
            if absent:
                raise ExperimentError(
                    f"the teacher of {folder} does not know the class '{absent[0]}'; structured "
                    "distillation compares scores of classes, take a teacher of the same"
                )
            order = [names.index(name) for name in self.label_space.names]
            layer = features.classifier
            found.append(FeatureClassifier(layer.weight[order], layer.bias[order]))
        first = found[0]
        if any(not np.array_equal(first.weight, each.weight) for each in found):
            raise ExperimentError("distillation.features are of different 3D networks; take one")
        return first.weight, first.bias

    def _counts(self, labels: Tensor, *targets: Tensor) -> dict[str, float]:
        covered = targets[1]
        self._seen = []
        self._sums = dict.fromkeys((PIXEL_WISE, PAIR_WISE, HOLISTIC), 0.0)
        nodes = nn.functional.max_pool2d(
            covered[:, None].float(), self.structured.patch, ceil_mode=True
        )
        per_image = nodes.flatten(1).sum(1)
        self._numbers = {
            PIXEL_WISE: float(covered.sum()),
            PAIR_WISE: float(per_image.square().sum()),
            HOLISTIC: float((per_image > 0).sum()),
        }
        return self._numbers

    def _terms(self, outputs: ParsingOutputs, labels: Tensor, *targets: Tensor) -> Terms:
        features, covered = targets[0].float(), targets[1]
        logits = outputs.logits.float()
        teacher = teacher_logits(features, self._weight, self._bias)
        pairs = pair_wise_sum(outputs.features_2d, features, covered, self.structured.patch)
        self._seen.append((logits.detach(), teacher, covered))
        terms = {
            PIXEL_WISE: (pixel_wise_sum(logits, teacher, covered), self.structured.pixel_wise),
            PAIR_WISE: (pairs, self.structured.pair_wise),
            HOLISTIC: (
                self.critic.student_sum(logits, teacher, covered),
                self.structured.holistic,
            ),
        }
        for name, (found, _) in terms.items():
            self._sums[name] += float(found.total.detach())
        return terms

    def _end_step(self) -> None:
        if not self.structured.holistic:
            return
        logits, teacher, covered = (torch.cat(maps) for maps in zip(*self._seen, strict=True))
        mixing = torch.rand(len(logits), device=logits.device)  # chance is the step's
        found = self.critic.critic_sum(logits, teacher, covered, mixing)
        divisor = divisors({CRITIC: found.count}, "mean", self.workers.mean)[CRITIC]
        self.critic_optimiser.zero_grad()
        (found.total / divisor).backward()
        self.workers.average_gradients(self.critic.parameters())
        self.critic_optimiser.step()
        self._scalars = {"structured/critic": float(found.total.detach()) / divisor}

    def _watched(self) -> dict[str, float]:
        """Means of the terms over all processes, without their weights, and the critic's loss."""
        scalars = {name: self.workers.mean(value) for name, value in self._scalars.items()}
        for name, own in self._sums.items():
            total, count = (self.workers.mean(value) for value in (own, self._numbers[name]))
            if count:
                scalars[f"structured/{name}"] = total / count
        return super()._watched() | scalars

    def further_state(self) -> dict[str, Any]:
        """The critic and its optimiser."""
        return {
            "critic": self.critic.state_dict(),
            "critic_optimiser": self.critic_optimiser.state_dict(),
        }

    def take_further_state(self, state: Mapping[str, Any]) -> None:
        """Go on with them."""
        self.critic.load_state_dict(state["critic"])
        self.critic_optimiser.load_state_dict(state["critic_optimiser"])
