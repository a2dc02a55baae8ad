# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What all training runs share: steps, checkpoints, resumption, log, the end by steps or time."""

from __future__ import annotations

import json
import logging
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from seg3d2d_ros.atomic_file import write_file
from training.engine.checkpoint import newest_checkpoint, save_checkpoint
from training.engine.interruption import StopRequest, stop_request
from training.engine.optimisation import AveragedWeights, warm_up
from training.engine.run_config import RunConfig
from training.engine.run_folder import Settings, check_folder, claim_folder, release_folder
from training.engine.run_state import restore_run, run_state
from training.engine.settings import ExperimentError
from training.engine.workers import Workers

logger = logging.getLogger(__name__)


_MOST_SKIPPED = 32
"""Steps in a row that fp16 may skip; it halves the scale of the loss each time."""


class TrainingRun(ABC):
    """One run in a folder. A run that was interrupted goes on from its newest checkpoint.

    What is trained on what is a subclass's: it calls :meth:`_claim` before chance is first used,
    for the weights, and :meth:`_start` when all else is there.

    Args:
        config: settings of the training.
        folder: run folder, made if absent.
        device: where to train, ``cpu`` or ``cuda``.
        show_progress: a progress line on stderr.

    Raises:
        ExperimentError: if there is no such device.
    """

    headline: ClassVar[str] = "miou"
    """Name of the metric that says most."""
    network: nn.Module
    optimiser: torch.optim.Optimizer
    steps: int
    """Optimiser steps of the whole run."""

    def __init__(self, config: RunConfig, folder: Path, device: str, show_progress: bool) -> None:
        self.config = config
        self.folder = folder
        self.workers = Workers(device)
        self.device = self.workers.device
        self.show_progress = show_progress and self.workers.leads
        if config.threads:
            torch.set_num_threads(config.threads)
        self.step = 0
        self.minutes = 0.0
        self._settings: Settings | None = None
        """What the folder will say that its run is of; None for nothing."""

    @property
    def begun(self) -> bool:
        """Whether the folder has a checkpoint, which holds all weights to go on with."""
        return newest_checkpoint(self.folder / "checkpoints") is not None

    @abstractmethod
    def _batches(self, first: int, last: int) -> Iterator[tuple[Any, ...]]:
        """What :meth:`_train_step` takes, for the steps `first` to before `last`."""

    @abstractmethod
    def _train_step(self, *batch: Any) -> float:
        """One optimiser step; its loss."""

    @abstractmethod
    def _schedule_factor(self) -> float:
        """Part of the peak learning rate in the step to come, without warm-up."""

    @abstractmethod
    def _report(self, writer: SummaryWriter) -> None:
        """Evaluate the averaged weights during the run."""

    @abstractmethod
    def _final_metrics(self) -> dict[str, Any]:
        """Metrics of the averaged weights on the whole val split, the headline's among them."""

    def _claim(self, experiment: Settings, read: Callable[[Mapping[str, Any]], Settings]) -> None:
        """Refuse a folder of another run, and begin chance anew by the seed.

        The folder becomes this run's in :meth:`_start`, so that a start that fails leaves it free.
        """
        self._settings = experiment
        if self.workers.leads:
            check_folder(self.folder, experiment, read)
        self.workers.wait()
        torch.manual_seed(self.config.seed)

    def _start(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Train this, from the newest checkpoint on where there is one.

        Raises:
            ExperimentError: if the device lacks the precision, or the run was begun with another
                number of processes.
            CheckpointError: if the checkpoint can't be used.
        """
        self.network, self.optimiser = network, optimiser
        scaled = self.config.precision == "fp16"
        if scaled and torch.device(self.device).type != "cuda":
            raise ExperimentError("training.precision fp16 needs a CUDA device; use bf16")
        self.scaler = torch.amp.GradScaler(torch.device(self.device).type, enabled=scaled)
        self._skipped = 0
        self.averaged = AveragedWeights(network, self.config.ema)
        path = newest_checkpoint(self.folder / "checkpoints")
        if path is not None:
            restore_run(self, path)
        if self.workers.mean(abs(self.step - self.workers.agree(self.step))):
            raise ExperimentError(
                f"processes would begin at step {self.step} in {self.folder} and at others "
                "elsewhere; all of them must see the same run folder"
            )
        self.workers.same_start(self.network.state_dict().values())
        if self.workers.leads and self._settings is not None:
            claim_folder(self.folder, self._settings)

    def further_state(self) -> dict[str, Any]:
        """What a kind of training adds to its checkpoints."""
        return {}

    def take_further_state(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Go on from what :meth:`further_state` gave; nothing where that is nothing."""

    def _watched(self) -> dict[str, float]:
        """Further scalars of the last step, by their names in TensorBoard."""
        return {}

    def _save(self) -> None:
        if not self.workers.leads:
            return
        for name, value in self.network.state_dict().items():
            if not torch.isfinite(value).all():
                raise self._diverged(f"{name} has values that are no finite numbers")
        save_checkpoint(self.folder / "checkpoints", self.step, run_state(self), self.config.keep)

    def progress(self) -> float:
        """Part of the run that is done, by steps or by time, whichever is further; 0 to 1."""
        by_steps = self.step / self.steps
        limit = self.config.max_minutes
        return min(1.0, max(by_steps, self.minutes / limit if limit else 0.0))

    def _begin_step(self) -> None:
        """Learning rate, training mode, and chance as a function of seed and step alone."""
        factor = warm_up(self.step, self.config.warmup) * self._schedule_factor()
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        self.network.train()
        # so that a resumed run sees the same
        seeds = np.random.SeedSequence([self.config.seed, 3, self.workers.rank, self.step])
        torch.manual_seed(int(seeds.generate_state(1)[0]))

    def _descend(self, losses: Iterable[Tensor]) -> float:
        """A step of the optimiser down the sum of losses, each made when the last is done with.

        Returns:
            The sum.

        Raises:
            ExperimentError: if it or its gradient is no finite number; with fp16, which skips such
                steps, after too many of them in a row.
        """
        self.optimiser.zero_grad()
        total = 0.0
        for loss in losses:
            self.scaler.scale(loss).backward()
            total += float(loss.detach())
        self.workers.average_gradients(self.network.parameters())
        self.scaler.unscale_(self.optimiser)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        # of all processes, so that all end where one has diverged
        finite = math.isfinite(self.workers.mean(total)) and math.isfinite(norm)
        self._skipped = 0 if finite else self._skipped + 1
        if self._skipped > (_MOST_SKIPPED if self.scaler.is_enabled() else 0):
            raise self._diverged("the loss or its gradient is no finite number")
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.averaged.update(self.network, self.step)
        return total

    def _diverged(self, how: str) -> ExperimentError:
        return ExperimentError(
            f"the training diverged after step {self.step}: {how}; lower training.learning_rate or "
            "training.clip, and train into another folder with --out"
        )

    def _autocast(self) -> torch.autocast:
        """Computation in the precision of the training."""
        dtype = torch.float16 if self.config.precision == "fp16" else torch.bfloat16
        kind = torch.device(self.device).type
        return torch.autocast(kind, dtype, enabled=self.config.precision != "fp32")

    def run(self, until: int | None = None) -> dict[str, Any] | None:
        """Train to the end and evaluate; or stop at a step, with a checkpoint.

        One that fails before its first checkpoint leaves the folder to other settings.

        Returns:
            The metrics on the val split, those in the folder if the run was finished before; None
            when stopped early, and in all processes but the leading one.

        Raises:
            ExperimentError: if the training diverges.
            CheckpointError: if a checkpoint can't be written.
        """
        try:
            return self._run(until)
        except Exception:
            if self.workers.leads:
                release_folder(self.folder)
            raise

    def _run(self, until: int | None) -> dict[str, Any] | None:
        config = self.config
        if self.progress() >= 1.0 and (metrics := self._recorded_metrics()) is not None:
            logger.info("the run in %s is finished", self.folder)
            return metrics if self.workers.leads else None
        writer = None
        if self.workers.leads:
            # what was logged after the checkpoint comes again
            writer = SummaryWriter(str(self.folder / "tensorboard"), purge_step=self.step + 1)
        bar = tqdm(total=self.steps, initial=self.step, disable=not self.show_progress)
        last = self.steps if until is None else min(until, self.steps)
        started, before = time.monotonic(), self.minutes
        stack = ExitStack()
        stack.callback(bar.close)
        if writer is not None:
            stack.callback(writer.close)
        with stack:
            # torchrun ends its processes itself; one alone finishes its step
            stop = stack.enter_context(stop_request()) if self.workers.count == 1 else StopRequest()
            finished = self.progress() >= 1.0
            for batch in () if finished else self._batches(self.step, last):
                loss = self._train_step(*batch)
                self.step += 1
                minutes = before + (time.monotonic() - started) / 60
                self.minutes = self.workers.agree(minutes)
                bar.update()
                bar.set_postfix(loss=f"{loss:.3f}", done=f"{100 * self.progress():.1f}%")
                if self.step % config.log_every == 0:
                    self._log(writer, loss)
                if self.progress() >= 1.0 or stop.made:
                    break
                due = config.evaluate_every and self.step % config.evaluate_every == 0
                if writer is not None and due:
                    self._report(writer)
                if self.step % config.checkpoint_every == 0:
                    self._save()
            if not finished:
                self._save()
            if stop.made:
                logger.info("stopped after step %d; the same command goes on from there", self.step)
                raise KeyboardInterrupt
            if writer is None or self.progress() < 1.0:
                return None
            return self._finish(writer)

    def _log(self, writer: SummaryWriter | None, loss: float) -> None:
        rate = self.optimiser.param_groups[0]["lr"]
        scalars = {"train/loss": self.workers.mean(loss), "train/rate": rate} | self._watched()
        if writer is not None:
            for name, value in scalars.items():
                writer.add_scalar(name, value, self.step)

    def _recorded_metrics(self) -> dict[str, Any] | None:
        """What :meth:`_finish` wrote after the last step; None if it did not come to that."""
        try:
            metrics = json.loads((self.folder / "metrics.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        whole = isinstance(metrics, dict) and metrics.get("steps") == self.step
        return metrics if whole else None

    def _show(self, writer: SummaryWriter) -> None:  # noqa: B027
        """Pictures of what the averaged weights predict; none by default."""

    def _finish(self, writer: SummaryWriter) -> dict[str, Any]:
        self._show(writer)
        metrics = self._final_metrics()
        metrics |= {"steps": self.step, "minutes": round(self.minutes, 1)}
        figure = metrics[self.headline]
        writer.add_scalar(f"val/{self.headline}", figure, self.step)
        write_file(self.folder / "metrics.json", (json.dumps(metrics, indent=2) + "\n").encode())
        logger.info("done after %d steps: val %s %s", self.step, self.headline, figure)
        return metrics
