# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training runs: a folder with configuration, log, TensorBoard, checkpoints and metrics."""

from __future__ import annotations

import json
import logging
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from seg3d2d_ros.networks.registry import build_network, geometry
from training.data.batches import TrainingBatches
from training.data.open_frames import open_frames
from training.engine.checkpoint import (
    CheckpointError,
    first_line,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
)
from training.engine.components import check_device, input_spec, new_network, training_frames
from training.engine.evaluation import evaluate
from training.engine.experiment import (
    Experiment,
    ExperimentError,
)
from training.engine.interruption import StopRequest, stop_request
from training.engine.optimisation import (
    AveragedWeights,
    class_weights,
    learning_rate_factor,
    new_optimiser,
    parsing_loss,
)
from training.engine.predictor import NetworkPredictor
from training.engine.run_folder import claim_folder
from training.engine.workers import Workers

logger = logging.getLogger(__name__)


class Trainer:
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
        self.experiment = experiment
        self.config = experiment.training
        self.folder = folder
        self.device = device
        check_device(device)
        self.workers = Workers(device)
        self.show_progress = show_progress and self.workers.leads
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
            cv2.setNumThreads(1)
        self.label_space = LabelSpace.load(experiment.label_space)
        data = experiment.data
        self.train_frames = training_frames(experiment, self.label_space)
        self.val_frames = open_frames(data.root, data.val_split, self.label_space, data.source)
        if self.workers.leads:
            claim_folder(folder, experiment)
        self.workers.wait()
        torch.manual_seed(self.config.seed)
        self.network = new_network(experiment, self.label_space)
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.stride = geometry(self.network)[0]
        self.spec = input_spec(experiment, self.network)
        self.graph = ParsingGraph(self.network, self.spec.mean, self.spec.std, 1.0).to(device)
        self.optimiser = new_optimiser(self.network, self.config)
        scaled = self.config.precision == "fp16"
        if scaled and torch.device(device).type != "cuda":
            raise ExperimentError("training.precision fp16 needs a CUDA device; use bf16")
        self.scaler = torch.amp.GradScaler(torch.device(device).type, enabled=scaled)
        self.averaged = AveragedWeights(self.network, self.config.ema)
        self.weights = class_weights(self._frequencies(), self.config.class_balance).to(device)
        self.batches = TrainingBatches(
            self.train_frames,
            batch=self.config.batch * self.config.accumulate,
            crop=self.config.crop,
            early_crop=self.config.early_crop,
            early_steps=self.config.early_steps,
            config=experiment.augmentation,
            seed=self.config.seed,
            unlabeled=self.label_space.unlabeled,
            rank=self.workers.rank,
            workers=self.workers.count,
        )
        self.step = 0
        self.minutes = 0.0
        self._resume()
        self.workers.same_start(self.network.state_dict().values())

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

    def _resume(self) -> None:
        path = newest_checkpoint(self.folder / "checkpoints")
        if path is None:
            return
        state = load_checkpoint(path)
        try:
            self.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.scaler.load_state_dict(state.get("scaler", {}))
            for name, value in state["averaged"].items():
                self.averaged.state[name].copy_(value)
            self.step, self.minutes = state["step"], state["minutes"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"{path} is a checkpoint of another experiment than {self.folder}/config.yaml: "
                f"{first_line(error)}; remove it, or train into another folder"
            ) from error
        logger.info("resumed from %s", path)

    def _save(self) -> None:
        if not self.workers.leads:
            return
        state = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "averaged": self.averaged.state,
            "step": self.step,
            "minutes": self.minutes,
        }
        save_checkpoint(self.folder / "checkpoints", self.step, state, self.config.keep)

    def progress(self) -> float:
        """Part of the run that is done, by steps or by time, whichever is further; 0 to 1."""
        by_steps = self.step / self.config.steps
        limit = self.config.max_minutes
        return min(1.0, max(by_steps, self.minutes / limit if limit else 0.0))

    def _train_step(self, images: Tensor, labels: Tensor) -> float:
        factor = learning_rate_factor(self.config, self.step, self.progress())
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        self.network.train()
        # Chance is a function of seed and step alone, so that a resumed run sees the same.
        seeds = np.random.SeedSequence([self.config.seed, 3, self.workers.rank, self.step])
        torch.manual_seed(int(seeds.generate_state(1)[0]))
        row, column = np.random.default_rng([self.config.seed, 2, self.step]).integers(0, 2, 2)
        phase = (int(row), int(column))
        self.optimiser.zero_grad()
        total = 0.0
        parts = self.config.accumulate
        for some, truth in zip(images.chunk(parts), labels.chunk(parts), strict=True):
            loss = self._loss(some, truth, phase) / parts
            self.scaler.scale(loss).backward()
            total += float(loss.detach())
        self.workers.average_gradients(self.network.parameters())
        self.scaler.unscale_(self.optimiser)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.averaged.update(self.network, self.step)
        return total

    def _loss(self, images: Tensor, labels: Tensor, phase: tuple[int, int]) -> Tensor:
        dtype = torch.float16 if self.config.precision == "fp16" else torch.bfloat16
        kind = torch.device(self.device).type
        with torch.autocast(kind, dtype, enabled=self.config.precision != "fp32"):
            logits = self.graph.logits(images.to(self.device))
        return parsing_loss(
            logits,
            labels.to(self.device),
            weights=self.weights,
            stride=self.stride,
            unlabeled=self.label_space.unlabeled,
            smoothing=self.config.label_smoothing,
            phase=phase,
        )

    def run(self, until: int | None = None) -> dict[str, Any] | None:
        """Train to the end and evaluate; or stop at a step, with a checkpoint.

        Returns:
            The metrics on the val split; None when stopped early, and in all processes but the
            leading one.
        """
        config = self.config
        writer = SummaryWriter(str(self.folder / "tensorboard")) if self.workers.leads else None
        bar = tqdm(total=config.steps, initial=self.step, disable=not self.show_progress)
        last = config.steps if until is None else min(until, config.steps)
        started, before = time.monotonic(), self.minutes
        stack = ExitStack()
        stack.callback(bar.close)
        if writer is not None:
            stack.callback(writer.close)
        with stack:
            # torchrun ends its processes itself; one alone finishes its step
            stop = stack.enter_context(stop_request()) if self.workers.count == 1 else StopRequest()
            for images, labels in self.batches.iterate(self.step, last):
                loss = self._train_step(images, labels)
                self.step += 1
                minutes = before + (time.monotonic() - started) / 60
                self.minutes = self.workers.agree(minutes, self.device)
                bar.update()
                bar.set_postfix(loss=f"{loss:.3f}", done=f"{100 * self.progress():.1f}%")
                if writer is not None and self.step % config.log_every == 0:
                    writer.add_scalar("train/loss", loss, self.step)
                    writer.add_scalar("train/rate", self.optimiser.param_groups[0]["lr"], self.step)
                if self.progress() >= 1.0 or stop.made:
                    break
                due = config.evaluate_every and self.step % config.evaluate_every == 0
                if writer is not None and due:
                    self._report(writer)
                if self.step % config.checkpoint_every == 0:
                    self._save()
            self._save()
            if stop.made:
                logger.info("stopped after step %d; the same command goes on from there", self.step)
                raise KeyboardInterrupt
            if writer is None or self.progress() < 1.0:
                return None
            return self._finish(writer)

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
        count = min(self.config.evaluate_frames, len(self.val_frames))
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

    def _finish(self, writer: SummaryWriter) -> dict[str, Any]:
        predict = NetworkPredictor(self.averaged_graph(), self.spec, self.device)
        metrics = evaluate(predict, self.val_frames, self.label_space).metrics()
        metrics |= {"steps": self.step, "minutes": round(self.minutes, 1)}
        writer.add_scalar("val/miou", metrics["miou"], self.step)
        temporary = self.folder / ".metrics.json"
        temporary.write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
        temporary.replace(self.folder / "metrics.json")
        logger.info("done after %d steps: val mIoU %.1f", self.step, metrics["miou"])
        return metrics
