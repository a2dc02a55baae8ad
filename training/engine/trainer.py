# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training runs of 2D networks: frames, loss and evaluation of a run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.networks.distillation_branch import distillation_branch
from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from seg3d2d_ros.networks.parsing_outputs import ParsingOutputs
from seg3d2d_ros.networks.pyramid_pooling import PyramidPooling
from seg3d2d_ros.networks.registry import aligns_corners, build_network, geometry
from training.data.batches import TrainingBatches
from training.data.open_frames import open_frames
from training.engine.components import input_spec, new_network, outputs_of, training_frames
from training.engine.evaluation import evaluate
from training.engine.experiment import Experiment, experiment_from_mapping
from training.engine.loss_sums import (
    SEGMENTATION,
    LossSum,
    Terms,
    divisors,
    segmentation_sum,
    weight_of,
    weighted_loss,
)
from training.engine.optimisation import (
    class_weights,
    new_optimiser,
    parameter_groups,
    polynomial,
)
from training.engine.predictor import NetworkPredictor
from training.engine.settings import ExperimentError
from training.engine.training_run import TrainingRun

logger = logging.getLogger(__name__)


class Trainer(TrainingRun):
    """One run. A run that was interrupted goes on from its newest checkpoint.

    Args:
        experiment: what to train.
        folder: run folder, made if absent.
        device: where to train, ``cpu`` or ``cuda``.
        show_progress: a progress line on stderr.

    Raises:
        ExperimentError: if the folder holds a run of another experiment.
        DatasetError: if the data set cannot be read.
    """

    def __init__(
        self,
        experiment: Experiment,
        folder: Path,
        device: str = "cpu",
        show_progress: bool = True,
    ) -> None:
        config = experiment.training
        super().__init__(config, folder, device, show_progress)
        self.experiment = experiment
        self.training = config
        if config.threads or config.loaders > 1:
            cv2.setNumThreads(1)  # its operations are not divided further
        self.label_space = LabelSpace.load(experiment.label_space)
        data = experiment.data
        self.train_frames = training_frames(experiment, self.label_space)
        self.val_frames = open_frames(data.root, data.val_split, self.label_space, data.source)
        self._claim(experiment, experiment_from_mapping)
        network = self._synchronised(new_network(experiment, self.label_space, begun=self.begun))
        network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.stride = geometry(network)[0]
        alone = config.batch == 1 and not (config.sync_batch_norm and self.workers.count > 1)
        if alone and any(isinstance(module, PyramidPooling) for module in network.modules()):
            raise ExperimentError(
                f"network '{experiment.network.name}' averages whole images before batch norms, "
                "which one image alone can't train; training.batch must be at least 2"
            )
        if aligns_corners(network) and config.loss_size != "full":
            raise ExperimentError(
                f"network '{experiment.network.name}' aligns corners, its loss is taken at the "
                "image's full size: training.loss_size must be full"
            )
        self.spec = input_spec(experiment, network)
        self.graph = ParsingGraph(network, self.spec.mean, self.spec.std, 1.0).to(self.device)
        self.weights = class_weights(self._frequencies(), config.class_balance).to(self.device)
        self.batches = self._new_batches()
        samples = config.batch * config.accumulate * self.workers.count
        self.steps = config.steps or -(-config.epochs * len(self.train_frames) // samples)
        self._prepare(network)
        self._start(network, new_optimiser(parameter_groups(network, config), config))

    def _synchronised(self, network: nn.Module) -> nn.Module:
        """With batch norms of all processes' batch, where that is asked for."""
        if not self.training.sync_batch_norm or self.workers.count == 1:
            return network
        if torch.device(self.device).type != "cuda":
            raise ExperimentError(
                "training.sync_batch_norm needs CUDA devices; set it to false, or train in one "
                "process"
            )
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)

    def _batch_settings(self) -> dict[str, Any]:
        """Of :class:`TrainingBatches`, beside the frames."""
        config = self.training
        return {
            "batch": config.batch * config.accumulate,
            "crop": config.crop,
            "early_crop": config.early_crop,
            "early_steps": config.early_steps,
            "config": self.experiment.augmentation,
            "seed": config.seed,
            "unlabeled": self.label_space.unlabeled,
            "rank": self.workers.rank,
            "workers": self.workers.count,
            "loaders": config.loaders,
        }

    def _new_batches(self) -> TrainingBatches:
        return TrainingBatches(self.train_frames, **self._batch_settings())

    def _prepare(self, network: nn.Module) -> None:
        """What a kind of training does with a network that has its first weights.

        Raises:
            ExperimentError: if it does not train such a network.
        """
        if distillation_branch(network) is not None:
            raise ExperimentError(
                f"network '{self.experiment.network.name}' has a distillation branch, and the "
                "experiment names nothing that it is taught by; give distillation.features or "
                "distillation.unpaired, or take network.config.branch out"
            )

    def _frequencies(self) -> Any:
        """Parts of the labelled training pixels by class, from at most 400 frames."""
        classes = self.label_space.num_classes
        counts = np.zeros(classes)
        for index in range(0, len(self.train_frames), max(1, len(self.train_frames) // 400)):
            labels = self.train_frames.load(index)[1]
            counts += np.bincount(labels[labels < classes], minlength=classes)
        if not counts.sum():
            raise ExperimentError(f"no training pixel of {self.experiment.data.root} has a class")
        return counts / counts.sum()

    def _batches(self, first: int, last: int) -> Iterator[tuple[Tensor, ...]]:
        return self.batches.iterate(first, last)

    def _schedule_factor(self) -> float:
        return polynomial(self.progress(), self.training.power)

    def _counts(self, labels: Tensor, *targets: Tensor) -> dict[str, float]:
        """How many terms a kind of training's further sums of a step have in this process, by name.

        Args:
            labels: int64 [N, H, W] of the whole step.
            targets: what else batches have, of the whole step.
        """
        return {}

    def _terms(self, outputs: ParsingOutputs, labels: Tensor, *targets: Tensor) -> Terms:
        """Those further terms of a part of a step, the same in all processes.

        Args:
            outputs: of the network.
            labels: int64 [N, H, W] of the part, on the device.
            targets: what else batches have, likewise.
        """
        return {}

    def _end_step(self) -> None:
        """What else a step does, when the network has learnt."""

    def _train_step(self, images: Tensor, labels: Tensor, *targets: Tensor) -> float:
        """Learn from a step's batch.

        Sums are divided by counts of all processes and of all parts of the step, so that gradients
        are those of one batch, however it is spread; but for batch norms, which see their own part.
        """
        self._begin_step()
        phase = self._phase()
        labels = labels.to(self.device)
        truth = self._truth(labels, phase)
        weight = weight_of(truth, self.label_space.unlabeled, self.weights)
        counts = {SEGMENTATION: float(weight)}
        counts |= self._counts(labels, *targets)
        reduction = self.experiment.distillation.reduction
        divided_by = divisors(counts, reduction, self.workers.mean)
        parts = [maps.chunk(self.training.accumulate) for maps in (images, labels, *targets)]
        loss = self._descend(
            self._loss(part, phase, divided_by) for part in zip(*parts, strict=True)
        )
        if not self._skipped:  # as fp16 skips steps whose gradient is no finite number
            self._end_step()
        return loss

    def _phase(self) -> tuple[int, int]:
        row, column = np.random.default_rng([self.training.seed, 2, self.step]).integers(0, 2, 2)
        return int(row), int(column)

    def _loss(
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
        return segmentation_sum(
            self._pixels(logits, labels),
            self._truth(labels, phase),
            self.label_space.unlabeled,
            self.weights,
            self.training.label_smoothing,
        )

    def _pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Logits at the size at which the loss compares them with labels [N, H, W]."""
        if self.training.loss_size == "full":
            return self.graph.upsampled(logits.float(), labels.shape[1:])
        # half the size is four times cheaper
        return F.interpolate(
            logits.float(), scale_factor=self.stride / 2, mode="bilinear", align_corners=False
        )

    def _truth(self, labels: Tensor, phase: tuple[int, int]) -> Tensor:
        """Labels at that size.

        The phase, drawn anew every step, says which of the four pixels under each half-size one is
        compared, so that on average none is favoured.
        """
        if self.training.loss_size == "full":
            return labels
        return labels[:, phase[0] :: 2, phase[1] :: 2]

    def averaged_graph(self) -> ParsingGraph:
        """A copy of the network with the averaged weights, in evaluation mode, on the CPU."""
        network = build_network(
            self.experiment.network.name,
            self.experiment.network.config,
            outputs_of(self.experiment, self.label_space),
        )
        network.load_state_dict(self.averaged.state)
        return ParsingGraph(network, self.spec.mean, self.spec.std, 1.0).eval()

    def _report(self, writer: SummaryWriter) -> None:
        """Evaluate the averaged weights on some val frames."""
        predict = NetworkPredictor(self.averaged_graph(), self.spec, self.device)
        indices = self._some_val_frames()
        metrics = evaluate(predict, self.val_frames, self.label_space, indices).metrics()
        writer.add_scalar("val/miou", metrics["miou"], self.step)
        writer.add_scalar("val/pixel_accuracy", metrics["pixel_accuracy"], self.step)
        self._show(writer)
        logger.info(
            "step %d, %.1f min: val mIoU %.1f, pixel accuracy %.1f (%d frames)",
            self.step,
            self.minutes,
            metrics["miou"],
            metrics["pixel_accuracy"],
            len(indices),
        )

    def _some_val_frames(self) -> list[int]:
        """Those that are looked at during the run."""
        count = min(self.training.evaluate_frames, len(self.val_frames))
        indices: list[int] = np.linspace(0, len(self.val_frames) - 1, count).astype(int).tolist()
        return indices

    def _show(self, writer: SummaryWriter) -> None:
        """Four val frames: image, the averaged weights' labels, true labels."""
        predict = NetworkPredictor(self.averaged_graph(), self.spec, self.device)
        palette = self.label_space.palette()
        indices = self._some_val_frames()
        for index in indices[:: max(1, len(indices) // 4)][:4]:
            image, truth = self.val_frames.load(index)
            sheet = np.hstack([image, palette[predict(image)], palette[truth]])
            writer.add_image(f"val/{index}", sheet, self.step, dataformats="HWC")

    def _final_metrics(self) -> dict[str, Any]:
        predict = NetworkPredictor(self.averaged_graph(), self.spec, self.device)
        return evaluate(predict, self.val_frames, self.label_space).metrics()
