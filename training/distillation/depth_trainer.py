# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training runs that learn from measured depth, the depth baselines of Section 4.1."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from seg3d2d_ros.networks.parsing_outputs import ParsingOutputs
from training.data.augmentation_config import UNCHANGED
from training.data.batches import TrainingBatches
from training.data.labelled_frames import JoinedFrames
from training.distillation.depth_batches import DepthBatches
from training.distillation.depth_comparison import compare_depths
from training.distillation.depth_loss import DEPTH, log_depth_sum
from training.distillation.depth_targets import MeasuredDepth
from training.distillation.distillation_data import feature_grid
from training.engine.loss_sums import LossSum, Terms
from training.engine.settings import ExperimentError
from training.engine.trainer import Trainer

SHOWN = 4
"""Val frames whose depth TensorBoard shows, at most."""


def depth_batches(
    frames: JoinedFrames, measured: list[MeasuredDepth], network: torch.nn.Module, **settings: Any
) -> DepthBatches:
    """Batches of frames with the depth of their data sets.

    Args:
        frames: of these data sets, in their order.
        measured: of these data sets.
        network: in whose feature cells the depth is.
        settings: see :class:`training.distillation.depth_batches.DepthBatches`.

    Raises:
        ExperimentError: if the crop doesn't fit the network's features.
    """
    return DepthBatches(frames, measured, feature_grid(network), **settings)


class MultitaskTrainer(Trainer):
    """One run of a network that predicts depth beside classes (Section 4.1 ii).

    Raises:
        ExperimentError: if the network predicts no depth.
        DatasetError: if a data set has no depth.
    """

    def _new_batches(self) -> TrainingBatches:
        data = self.experiment.data
        measured = [MeasuredDepth(Path(root)) for root in (data.root, *data.more_train)]
        return depth_batches(
            self.train_frames, measured, self.graph.network, **self._batch_settings()
        )

    def _counts(self, labels: Tensor, *targets: Tensor) -> dict[str, float]:
        depth = targets[0]
        self._depth_loss, self._measured = 0.0, float((torch.isfinite(depth) & (depth > 0)).sum())
        return {DEPTH: self._measured}

    def _log_depth(self, outputs: ParsingOutputs) -> Tensor:
        """Predicted depth, natural logarithm of metres, [N, 1, h, w]."""
        if outputs.log_depth is None:
            raise ExperimentError(
                f"network '{self.experiment.network.name}' predicts no depth; take depth_multitask"
            )
        return outputs.log_depth

    def _terms(self, outputs: ParsingOutputs, labels: Tensor, *targets: Tensor) -> Terms:
        found = log_depth_sum(self._log_depth(outputs), targets[0])
        self._depth_loss += float(found.total.detach())
        return {DEPTH: (found, self.experiment.distillation.depth.weight)}

    def _watched(self) -> dict[str, float]:
        total, count = (self.workers.mean(v) for v in (self._depth_loss, self._measured))
        return {"depth/log_error": total / count} if count else {}

    def _val_batches(self, network: torch.nn.Module, *, canonical: bool = True) -> DepthBatches:
        """One crop, otherwise unchanged, of each val frame; always the same ones in one order."""
        settings = self._batch_settings() | {
            "batch": 1,
            "config": UNCHANGED,
            "seed": 0,
            "early_steps": 0,
            "rank": 0,
            "workers": 1,
            "canonical": canonical,
        }
        frames = JoinedFrames([self.val_frames])
        return depth_batches(frames, [self._val_depth], network, **settings)

    @cached_property
    def _val_depth(self) -> MeasuredDepth:
        """Kept, as it says once which depth can't be used."""
        return MeasuredDepth(Path(self.experiment.data.root))

    def _show(self, writer: SummaryWriter) -> None:
        super()._show(writer)
        self._show_depth(writer)

    @torch.no_grad()
    def _show_depth(self, writer: SummaryWriter) -> None:
        """Pictures of depth in up to ``SHOWN`` val frames, by the averaged weights.

        In metres, not canonical ones, which depend on the image's size; a frame in which nothing
        was measured has nothing to be compared with and is left out.
        """
        graph = self.averaged_graph().to(self.device)
        batches = self._val_batches(graph.network)
        in_metres = self._val_batches(graph.network, canonical=False)
        for number in range(min(SHOWN, len(self.val_frames))):
            images, _, canonical = batches.at(number)
            measured = in_metres.at(number)[2]
            if not canonical.any():
                continue
            outputs = graph.outputs(images.to(self.device))
            metres = measured.sum() / canonical.sum()  # that a canonical one is, in this frame
            predicted = self._log_depth(outputs)[0, 0].float().exp().cpu() * metres
            picture = compare_depths(images[0].numpy(), predicted.numpy(), measured[0].numpy())
            writer.add_image(f"val_depth/{number}", picture, self.step, dataformats="HWC")


class DepthTrainer(MultitaskTrainer):
    """One run of a network with a single output, the logarithm of depth: a cascade's first half.

    Its loss is that of depth alone, and so are its metrics: mean absolute error of the logarithm
    over the measured cells of one crop, otherwise unchanged, of each val frame.
    """

    headline = "log_depth_error"

    def _log_depth(self, outputs: ParsingOutputs) -> Tensor:
        return outputs.logits

    def _loss(
        self, part: tuple[Tensor, ...], phase: tuple[int, int], divided_by: dict[str, float]
    ) -> Tensor:
        images, _, depth = (maps.to(self.device) for maps in part)
        with self._autocast():
            outputs = self.graph.outputs(images)
        found = log_depth_sum(self._log_depth(outputs), depth)
        self._depth_loss += float(found.total.detach())
        return found.total / divided_by[DEPTH]

    @torch.no_grad()
    def _measure(self, count: int | None) -> dict[str, Any]:
        """Of so many val frames, or of all; always the same ones and the same crops."""
        graph = self.averaged_graph().to(self.device)
        batches = self._val_batches(graph.network)
        frames = len(self.val_frames)
        found: LossSum | None = None
        for number in range(min(count or frames, frames)):
            images, _, depth = batches.at(number)
            outputs = graph.outputs(images.to(self.device))
            one = log_depth_sum(self._log_depth(outputs), depth.to(self.device))
            found = one if found is None else found + one
        assert found is not None  # a split has frames
        return {"log_depth_error": round(found.mean, 4), "cells": int(found.count)}

    def _report(self, writer: SummaryWriter) -> None:
        metrics = self._measure(self.training.evaluate_frames)
        writer.add_scalar("val/log_depth_error", metrics["log_depth_error"], self.step)
        self._show(writer)

    def _show(self, writer: SummaryWriter) -> None:
        self._show_depth(writer)

    def _final_metrics(self) -> dict[str, Any]:
        return self._measure(None)
