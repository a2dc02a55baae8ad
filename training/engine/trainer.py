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
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from seg3d2d_ros.networks.registry import build_network, geometry
from training.data.batches import TrainingBatches
from training.data.open_frames import open_frames
from training.engine.components import input_spec, new_network, training_frames
from training.engine.evaluation import evaluate
from training.engine.experiment import Experiment, experiment_from_mapping
from training.engine.optimisation import (
    class_weights,
    new_optimiser,
    parameter_groups,
    parsing_loss,
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
        self.steps = config.steps
        if config.threads:
            cv2.setNumThreads(1)
        self.label_space = LabelSpace.load(experiment.label_space)
        data = experiment.data
        self.train_frames = training_frames(experiment, self.label_space)
        self.val_frames = open_frames(data.root, data.val_split, self.label_space, data.source)
        self._claim(experiment, experiment_from_mapping)
        network = new_network(experiment, self.label_space)
        network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.stride = geometry(network)[0]
        self.spec = input_spec(experiment, network)
        self.graph = ParsingGraph(network, self.spec.mean, self.spec.std, 1.0).to(self.device)
        self.weights = class_weights(self._frequencies(), config.class_balance).to(self.device)
        self.batches = TrainingBatches(
            self.train_frames,
            batch=config.batch * config.accumulate,
            crop=config.crop,
            early_crop=config.early_crop,
            early_steps=config.early_steps,
            config=experiment.augmentation,
            seed=config.seed,
            unlabeled=self.label_space.unlabeled,
            rank=self.workers.rank,
            workers=self.workers.count,
        )
        self._start(network, new_optimiser(parameter_groups(network, config), config))

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

    def _batches(self, first: int, last: int) -> Iterator[tuple[Tensor, Tensor]]:
        return self.batches.iterate(first, last)

    def _schedule_factor(self) -> float:
        return polynomial(self.progress(), self.training.power)

    def _train_step(self, images: Tensor, labels: Tensor) -> float:
        self._begin_step()
        row, column = np.random.default_rng([self.training.seed, 2, self.step]).integers(0, 2, 2)
        phase = (int(row), int(column))
        parts = self.training.accumulate
        return self._descend(
            self._loss(some, truth, phase) / parts
            for some, truth in zip(images.chunk(parts), labels.chunk(parts), strict=True)
        )

    def _loss(self, images: Tensor, labels: Tensor, phase: tuple[int, int]) -> Tensor:
        with self._autocast():
            logits = self.graph.logits(images.to(self.device))
        return parsing_loss(
            logits,
            labels.to(self.device),
            weights=self.weights,
            stride=self.stride,
            unlabeled=self.label_space.unlabeled,
            smoothing=self.training.label_smoothing,
            phase=phase,
        )

    def averaged_graph(self) -> ParsingGraph:
        """A copy of the network with the averaged weights, in evaluation mode, on the CPU."""
        network = build_network(
            self.experiment.network.name,
            self.experiment.network.config,
            self.label_space.num_classes,
        )
        network.load_state_dict(self.averaged.state)
        return ParsingGraph(network, self.spec.mean, self.spec.std, 1.0).eval()

    def _report(self, writer: SummaryWriter) -> None:
        """Evaluate the averaged weights on some val frames: scalars and four overlays."""
        predict = NetworkPredictor(self.averaged_graph(), self.spec, self.device)
        count = min(self.training.evaluate_frames, len(self.val_frames))
        indices = np.linspace(0, len(self.val_frames) - 1, count).astype(int).tolist()
        metrics = evaluate(predict, self.val_frames, self.label_space, indices).metrics()
        writer.add_scalar("val/miou", metrics["miou"], self.step)
        writer.add_scalar("val/pixel_accuracy", metrics["pixel_accuracy"], self.step)
        palette = self.label_space.palette()
        for index in indices[:: max(1, len(indices) // 4)][:4]:
            image, truth = self.val_frames.load(index)
            sheet = np.hstack([image, palette[predict(image)], palette[truth]])
            writer.add_image(f"val/{index}", sheet, self.step, dataformats="HWC")
        logger.info(
            "step %d, %.1f min: val mIoU %.1f, pixel accuracy %.1f (%d frames)",
            self.step,
            self.minutes,
            metrics["miou"],
            metrics["pixel_accuracy"],
            count,
        )

    def _final_metrics(self) -> dict[str, Any]:
        predict = NetworkPredictor(self.averaged_graph(), self.spec, self.device)
        return evaluate(predict, self.val_frames, self.label_space).metrics()
