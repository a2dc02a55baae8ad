# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The settings that a training of any network has."""

from __future__ import annotations

import math
from dataclasses import dataclass

from training.engine.settings import ExperimentError

PRECISIONS = ("fp32", "bf16", "fp16")
OPTIMISERS = ("adamw", "sgd")
MOST_THREADS = 1024
_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """How a run goes, whatever it trains.

    Attributes:
        max_minutes: end after about this much training time instead, with the learning rate as at
            the end of the schedule; 0 means never. Such runs are not reproducible to the bit.
        batch: samples at a time and process.
        accumulate: such batches a step; their gradients are taken together.
        optimiser: adamw or sgd.
        momentum: of sgd.
        learning_rate: peak.
        weight_decay: see the kinds of training.
        warmup: steps over which the rate rises linearly before the schedule shows.
        power: of the polynomial schedule (1 - progress)^power.
        clip: largest norm of the gradient; .inf for none.
        ema: decay of the averaged weights, which are those evaluated and exported; 0 for the
            newest weights themselves.
        class_balance: exponent e of the class weights frequency^-e; 0 weighs all alike.
        label_smoothing: of the cross-entropy.
        precision: fp32, bf16 or fp16 (autocast; fp16, with scaled gradients, on CUDA only).
        threads: of PyTorch; 0 leaves them as they are.
        loaders: threads that make batches ahead; their number changes no result.
        seed: of all chance.
        log_every: steps between TensorBoard scalars.
        checkpoint_every: steps between checkpoints.
        keep: checkpoints kept.
        evaluate_every: steps between evaluations on the val split; 0 means at the end only.

    Raises:
        ExperimentError: if a setting is impossible.
    """

    max_minutes: float = 0.0
    batch: int
    accumulate: int = 1
    optimiser: str
    momentum: float = 0.9
    learning_rate: float
    weight_decay: float
    warmup: int
    power: float = 0.9
    clip: float
    ema: float
    class_balance: float
    label_smoothing: float = 0.0
    precision: str
    threads: int = 0
    loaders: int = 1
    seed: int = 0
    log_every: int = 20
    checkpoint_every: int = 500
    keep: int = 2
    evaluate_every: int = 1000

    def __post_init__(self) -> None:
        self._one_of("precision", PRECISIONS)
        self._one_of("optimiser", OPTIMISERS)
        self._above_0("batch", "accumulate", "loaders", "log_every", "checkpoint_every", "keep")
        self._not_below_0("max_minutes", "weight_decay", "warmup", "power", "class_balance")
        self._not_below_0("threads", "seed", "evaluate_every")
        self._at_most(MOST_THREADS, "threads", "loaders")
        self._at_most(_LARGEST_SEED, "seed")
        self._above_0("learning_rate")
        if not self.clip > 0:  # infinite means none
            raise self._impossible("clip", "above 0")
        for name in ("momentum", "ema", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise self._impossible(name, "from 0 to below 1")

    def _impossible(self, name: str, what: str) -> ExperimentError:
        return ExperimentError(f"training.{name} is {getattr(self, name)}, must be {what}")

    def _one_of(self, name: str, allowed: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in allowed:
            raise ExperimentError(
                f"training.{name} is '{value}', must be one of {', '.join(allowed)}"
            )

    def _above_0(self, *names: str) -> None:
        for name in names:
            self._finite(name)
            if getattr(self, name) <= 0:
                raise self._impossible(name, "above 0")

    def _not_below_0(self, *names: str) -> None:
        for name in names:
            self._finite(name)
            if getattr(self, name) < 0:
                raise self._impossible(name, "at least 0")

    def _finite(self, name: str) -> None:
        if not math.isfinite(getattr(self, name)):
            raise self._impossible(name, "finite")

    def _at_most(self, largest: int, *names: str) -> None:
        for name in names:
            if getattr(self, name) > largest:
                raise self._impossible(name, f"at most {largest}")
