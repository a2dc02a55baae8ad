# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training runs of 3D networks: scenes, loss and evaluation of a run.

Processes started by torchrun take their own parts of each step's samples. Their loss is divided by
what all of them have to learn from, so that the mean of their gradients is the gradient of one
process on the joined batch. Batch norm takes the statistics of each process's own batch; the
running ones, and with them the model, are the leading process's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from seg3d2d_ros.labels import LabelSpace
from training.counted import counted
from training.engine.loss_sums import SEGMENTATION, divisors, segmentation_sum, weight_of
from training.engine.optimisation import class_weights, new_optimiser
from training.engine.settings import ExperimentError
from training.engine.stored_run import start_from
from training.engine.training_run import TrainingRun
from training.points.batches import SceneBatches
from training.points.cloud import UNLABELED
from training.points.evaluation import evaluate_scenes, point_metrics
from training.points.experiment import PointExperiment, point_experiment_from_mapping
from training.points.networks.point_network import PointNetwork
from training.points.networks.registry import build_point_network, build_sampling
from training.points.optimisation import (
    parameter_groups,
    schedule_factor,
)
from training.points.sampling.scene_sampling import TrainingBatch
from training.points.scenes import LabelledScenes

logger = logging.getLogger(__name__)


class PointTrainer(TrainingRun):
    """One run of a 3D network. One that was interrupted goes on from its newest checkpoint.

    Args:
        experiment: what to train.
        folder: run folder, made if absent.
        device: where to train, ``cpu`` or ``cuda``.
        show_progress: a progress line on stderr.

    Raises:
        ExperimentError: if the folder holds a run of another experiment.
        PointNetworkError: if the network can't be built.
        DatasetError, CloudError: if a scene can't be used.
        CheckpointError: if the newest checkpoint can't be used.
    """

    network: PointNetwork

    def __init__(
        self,
        experiment: PointExperiment,
        folder: Path,
        device: str = "cpu",
        show_progress: bool = True,
    ) -> None:
        config = experiment.training
        super().__init__(config, folder, device, show_progress)
        self.experiment = experiment
        self.training = config
        self.label_space = LabelSpace.load(experiment.label_space)
        data = experiment.data
        root, memory = Path(data.root), data.memory_mb << 20
        self.train_scenes = LabelledScenes(root, data.train_split, self.label_space, memory)
        self.val_scenes = LabelledScenes(root, data.val_split, self.label_space, memory // 4)
        self.sampling = build_sampling(experiment.network.name, experiment.network.sampling)
        self._claim(experiment, point_experiment_from_mapping)
        network = self._new_network().to(self.device)
        self.weights = self._class_weights().to(self.device)
        self.batches = SceneBatches(
            self.train_scenes,
            self.sampling,
            experiment.augmentation,
            batch=config.batch,
            accumulate=config.accumulate,
            seed=config.seed,
            points_per_sample=data.points_per_sample,
            rank=self.workers.rank,
            workers=self.workers.count,
            loaders=config.loaders,
        )
        self.steps = config.steps or config.epochs * self.batches.steps_per_epoch
        groups = parameter_groups(network, config)
        self._start(network, new_optimiser(groups, config, config.dampening))

    def _new_network(self) -> PointNetwork:
        config = self.experiment.network
        network = build_point_network(config.name, config.config, self.label_space.num_classes)
        if config.start_from and not self.begun:
            start_from(network, config.start_from, config.name)
        return network

    def _class_weights(self) -> Tensor:
        classes = self.label_space.num_classes
        if not self.training.class_balance:
            return class_weights(np.ones(classes) / classes, 0.0)
        counts = self.train_scenes.class_counts(classes)
        if not counts.sum():
            raise ExperimentError(f"no training point of {self.experiment.data.root} has a class")
        return class_weights(counts / counts.sum(), self.training.class_balance)

    def _batches(self, first: int, last: int) -> Iterator[tuple[TrainingBatch, ...]]:
        return self.batches.iterate(first, last)

    def _schedule_factor(self) -> float:
        return schedule_factor(
            self.training, self.step, self.progress(), self.batches.steps_per_epoch
        )

    def _train_step(self, *batches: TrainingBatch) -> float:
        self._begin_step()
        labels = [batch.labels.to(self.device) for batch in batches]
        mine = sum(float(weight_of(each, UNLABELED, self.weights)) for each in labels)
        total = divisors({SEGMENTATION: mine}, "mean", self.workers.mean)[SEGMENTATION]
        return self._descend(
            self._loss(batch, truth, total) for batch, truth in zip(batches, labels, strict=True)
        )

    def _loss(self, batch: TrainingBatch, labels: Tensor, total: float) -> Tensor:
        with self._autocast():
            output = self.network(*(value.to(self.device) for value in batch.inputs))
        smoothing = self.training.label_smoothing
        found = segmentation_sum(output.logits, labels, UNLABELED, self.weights, smoothing)
        return found.total / total

    def averaged_network(self) -> PointNetwork:
        """A copy of the network with the averaged weights, in evaluation mode, on the device."""
        config = self.experiment.network
        network = build_point_network(config.name, config.config, self.label_space.num_classes)
        network.load_state_dict(self.averaged.state)
        return network.to(self.device).eval()

    def _measure(self, indices: list[int] | None = None) -> dict[str, Any]:
        confusion = evaluate_scenes(
            self.averaged_network(),
            self.sampling,
            self.val_scenes,
            self.label_space,
            indices=indices,
            device=self.device,
        )
        return point_metrics(confusion)

    def _report(self, writer: SummaryWriter) -> None:
        count = min(self.training.evaluate_scenes, len(self.val_scenes))
        indices = np.linspace(0, len(self.val_scenes) - 1, count).astype(int).tolist()
        metrics = self._measure(indices)
        writer.add_scalar("val/miou", metrics["miou"], self.step)
        writer.add_scalar("val/accuracy", metrics["accuracy"], self.step)
        logger.info(
            "step %d, %.1f min: val mIoU %.1f, accuracy %.1f (%s)",
            self.step,
            self.minutes,
            metrics["miou"],
            metrics["accuracy"],
            counted(count, "scene"),
        )

    def _final_metrics(self) -> dict[str, Any]:
        return self._measure()
