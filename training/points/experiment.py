# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Experiments of 3D networks: one YAML file each in ``config/experiments/points``."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.engine.experiment import OPTIMISERS, PRECISIONS
from training.engine.settings import ExperimentError, build_section, plain, read_settings
from training.points.augmentation import PointAugmentationConfig
from training.points.networks.registry import build_sampling
from training.points.sampling.blocks import BlockSampling

SCHEDULES = ("poly", "cosine", "step")


@dataclass(frozen=True)
class PointDataConfig:
    """Where the scenes are.

    Attributes:
        root: folder of a prepared data set, with ``scans.jsonl``.
        train_split: whose scenes are trained on.
        val_split: whose scenes the network is measured on.
        points_per_sample: a scene occurs in an epoch once for each so many of its points, rounded;
            0 for every scene once.
        memory_mb: of scenes that each process keeps, so that files aren't parsed every epoch.
        description: what the scenes are, for the model's card.
        credits: whose work they are, a line each, for the model's card.
    """

    root: str
    train_split: str = "train"
    val_split: str = "val"
    points_per_sample: int = 0
    memory_mb: int = 2048
    description: str = ""
    credits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("points_per_sample", "memory_mb"):
            if getattr(self, name) < 0:
                raise ExperimentError(f"data.{name} is {getattr(self, name)}, must not be below 0")


@dataclass(frozen=True)
class PointNetworkConfig:
    """Network, how it sees scenes, and the weights it starts from.

    Attributes:
        name: in the registry of 3D networks.
        config: its settings.
        sampling: settings of its sampling: size of voxels or blocks.
        start_from: folder of a run of the same network whose averaged weights are the start.
    """

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    sampling: dict[str, Any] = field(default_factory=dict)
    start_from: str = ""


@dataclass(frozen=True)
class PointTrainingConfig:
    """How a run goes.

    Attributes:
        steps: optimiser steps; 0 where `epochs` says it.
        epochs: times that all scenes are seen; 0 where `steps` says it.
        max_minutes: end after about this much training time instead, with the learning rate as at
            the end of the schedule; 0 means never. Such runs are not reproducible to the bit.
        batch: samples at a time and process.
        accumulate: such batches a step; their gradient is that of one batch of all their points.
        optimiser: sgd or adamw.
        momentum: of sgd.
        dampening: of sgd's momentum.
        learning_rate: peak.
        weight_decay: with sgd of all weights, as published; with adamw of those with more than
            one dimension.
        schedule: poly ((1 - progress)^power), cosine (half a period, to 0) or step (a factor of
            `step_factor` every `step_epochs` epochs).
        power: of poly.
        step_epochs: of step.
        step_factor: of step.
        warmup: steps over which the rate rises linearly before.
        clip: largest norm of the gradient; .inf for none.
        ema: decay of the averaged weights, which are those evaluated and exported; 0 for the
            newest weights themselves.
        class_balance: exponent e of the class weights frequency^-e; 0 weighs all points alike.
        label_smoothing: of the cross-entropy.
        precision: fp32, bf16 or fp16 (autocast; fp16, with scaled gradients, on CUDA only).
        threads: of PyTorch; 0 leaves them as they are.
        loaders: threads that make batches ahead; their number changes no result.
        seed: of all chance.
        log_every: steps between TensorBoard scalars.
        checkpoint_every: steps between checkpoints.
        keep: checkpoints kept.
        evaluate_every: steps between evaluations on the val split; 0 means at the end only.
        evaluate_scenes: evenly spaced val scenes used during the run; the end uses all.
    """

    steps: int = 0
    epochs: int = 0
    max_minutes: float = 0.0
    batch: int = 4
    accumulate: int = 1
    optimiser: str = "sgd"
    momentum: float = 0.9
    dampening: float = 0.0
    learning_rate: float = 0.1
    weight_decay: float = 1e-4
    schedule: str = "poly"
    power: float = 0.9
    step_epochs: int = 30
    step_factor: float = 0.1
    warmup: int = 0
    clip: float = math.inf
    ema: float = 0.0
    class_balance: float = 0.0
    label_smoothing: float = 0.0
    precision: str = "fp32"
    threads: int = 0
    loaders: int = 1
    seed: int = 0
    log_every: int = 20
    checkpoint_every: int = 500
    keep: int = 2
    evaluate_every: int = 1000
    evaluate_scenes: int = 32

    def __post_init__(self) -> None:
        for name, allowed in (
            ("precision", PRECISIONS),
            ("optimiser", OPTIMISERS),
            ("schedule", SCHEDULES),
        ):
            if getattr(self, name) not in allowed:
                raise ExperimentError(
                    f"training.{name} is '{getattr(self, name)}', must be one of "
                    f"{', '.join(allowed)}"
                )
        if min(self.steps, self.epochs) < 0 or (self.steps > 0) == (self.epochs > 0):
            raise ExperimentError(
                f"training.steps is {self.steps} and training.epochs {self.epochs}; one of them "
                "must be above 0 and the other 0"
            )
        for name in (
            *("batch", "accumulate", "loaders", "step_epochs", "log_every", "checkpoint_every"),
            *("keep", "evaluate_scenes"),
        ):
            if getattr(self, name) < 1:
                raise ExperimentError(f"training.{name} is {getattr(self, name)}, must be above 0")
        for name in ("ema", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ExperimentError(
                    f"training.{name} is {getattr(self, name)}, must be from 0 to below 1"
                )


@dataclass(frozen=True)
class PointExperiment:
    """All that determines a run of a 3D network.

    Attributes:
        name: of the run's folder and in the model's provenance.
        label_space: YAML file of the classes.
        data, network, training, augmentation: see there.
        licence: SPDX identifier that exported models carry.
    """

    name: str
    label_space: str
    data: PointDataConfig
    network: PointNetworkConfig
    training: PointTrainingConfig
    licence: str = "LicenseRef-unstated"
    augmentation: PointAugmentationConfig = field(default_factory=PointAugmentationConfig)

    def __post_init__(self) -> None:
        sampling = build_sampling(self.network.name, self.network.sampling)
        if isinstance(sampling, BlockSampling) and self.augmentation.dropout:
            raise ExperimentError(
                f"augmentation.dropout must be 0 for {self.network.name}, which takes blocks of a "
                "fixed number of points"
            )

    def to_mapping(self) -> dict[str, Any]:
        """Plain mapping that :func:`point_experiment_from_mapping` reads."""
        mapping: dict[str, Any] = plain(dataclasses.asdict(self))
        return mapping


def point_experiment_from_mapping(mapping: Mapping[str, Any]) -> PointExperiment:
    """Build an experiment from the content of its YAML file.

    Raises:
        ExperimentError: if a setting is missing, unknown, of the wrong type or impossible.
        PointNetworkError: if there is no such network, or its sampling lacks a setting.
    """
    return build_section(PointExperiment, mapping)


def load_point_experiment(path: str | Path, overrides: Sequence[str] = ()) -> PointExperiment:
    """Read an experiment file and apply overrides.

    Args:
        path: YAML file.
        overrides: each ``section.setting=value``; the value is read as YAML.

    Raises:
        ExperimentError: if the file cannot be read or a setting is wrong.
        PointNetworkError: if there is no such network, or its sampling lacks a setting.
    """
    return point_experiment_from_mapping(read_settings(path, overrides))
