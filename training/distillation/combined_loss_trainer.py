# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training runs whose loss has further terms beside the cross-entropy."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from seg3d2d_ros.networks.parsing_outputs import ParsingOutputs
from training.distillation.losses import SEGMENTATION, LossSum, divisors, weighted_loss
from training.engine.trainer import Trainer

Terms = dict[str, tuple[LossSum, float]]
"""Sums and weights by name."""


class CombinedLossTrainer(Trainer):
    """One run of a network that learns from more than labels; see :class:`Trainer`.

    Sums are divided by counts of all processes and of all parts of a step, so that gradients are
    those of one batch, however it is spread.
    """

    @property
    def reduction(self) -> str:
        """How sums are divided, see :func:`training.distillation.losses.divisors`."""
        return self.experiment.distillation.reduction

    @abstractmethod
    def _counts(self, labels: Tensor, *targets: Tensor) -> dict[str, float]:
        """How many terms the further sums of a step have in this process, by name.

        Args:
            labels: int64 [N, H, W] of the whole step.
            targets: what else batches have, of the whole step.
        """

    @abstractmethod
    def _terms(self, outputs: ParsingOutputs, labels: Tensor, *targets: Tensor) -> Terms:
        """The further terms of a part of a step, the same in all processes.

        Args:
            outputs: of the network.
            labels: int64 [N, H, W] of the part, on the device.
            targets: what else batches have, likewise.
        """

    def _end_step(self) -> None:
        """What else a step does, when the network has learnt."""

    def _train_step(self, images: Tensor, labels: Tensor, *targets: Tensor) -> float:
        self._begin_step()
        phase = self._phase()
        truth = self._truth(labels, phase)
        truth = truth[truth != self.label_space.unlabeled]
        counts = {SEGMENTATION: float(self.weights.cpu()[truth].sum())}
        counts |= self._counts(labels, *targets)
        divided_by = divisors(counts, self.reduction, self.workers.mean)
        parts = [maps.chunk(self.training.accumulate) for maps in (images, labels, *targets)]
        loss = self._descend(
            self._combined_loss(part, phase, divided_by) for part in zip(*parts, strict=True)
        )
        if not self._skipped:  # as fp16 skips steps whose gradient is no finite number
            self._end_step()
        return loss

    def _combined_loss(
        self, part: tuple[Tensor, ...], phase: tuple[int, int], divided_by: dict[str, float]
    ) -> Tensor:
        images, labels, *targets = (maps.to(self.device) for maps in part)
        with self._autocast():
            outputs = self.graph.outputs(images)
        terms = {SEGMENTATION: (self._segmentation_sum(outputs.logits, labels, phase), 1.0)}
        loss = weighted_loss(terms | self._terms(outputs, labels, *targets), divided_by)
        if outputs.auxiliary is not None:
            auxiliary = self._segmentation_sum(outputs.auxiliary, labels, phase)
            weighted = {SEGMENTATION: (auxiliary, self.training.auxiliary_weight)}
            loss = loss + weighted_loss(weighted, divided_by)
        return loss

    def _segmentation_sum(self, logits: Tensor, labels: Tensor, phase: tuple[int, int]) -> LossSum:
        """As :func:`training.distillation.losses.segmentation_sum`, with the weights of classes."""
        settings: dict[str, Any] = {
            "ignore_index": self.label_space.unlabeled,
            "label_smoothing": self.training.label_smoothing,
            "reduction": "sum",
        }
        pixels, truth = self._pixels(logits, labels), self._truth(labels, phase)
        total = F.cross_entropy(pixels, truth, self.weights, **settings)
        counted = truth[truth != self.label_space.unlabeled]
        return LossSum(total, self.weights[counted].sum().to(torch.float32))
