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

from training.engine.run_config import RunConfig
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


@dataclass(frozen=True, kw_only=True)
class PointTrainingConfig(RunConfig):
    """How a run goes, beside what all runs have.

    The gradient of accumulated batches is that of one batch of all their points, but for batch
    norm, whose statistics are those of each batch. Weights decay all with sgd, as published; with
    adamw those with more than one dimension.

    Attributes:
        steps: optimiser steps; 0 where `epochs` says it.
        epochs: times that all scenes are seen; 0 where `steps` says it.
        dampening: of sgd's momentum.
        schedule: poly, cosine (half a period, to 0) or step (a factor of `step_factor` every
            `step_epochs` epochs).
        step_epochs: of step.
        step_factor: of step.
        evaluate_scenes: evenly spaced val scenes used during the run; the end uses all.

    Raises:
        ExperimentError: if a setting is impossible.
    """

    steps: int = 0
    epochs: int = 0
    batch: int = 4
    optimiser: str = "sgd"
    dampening: float = 0.0
    learning_rate: float = 0.1
    weight_decay: float = 1e-4
    schedule: str = "poly"
    step_epochs: int = 30
    step_factor: float = 0.1
    warmup: int = 0
    clip: float = math.inf
    ema: float = 0.0
    class_balance: float = 0.0
    precision: str = "fp32"
    evaluate_scenes: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        self._one_of("schedule", SCHEDULES)
        if min(self.steps, self.epochs) < 0 or (self.steps > 0) == (self.epochs > 0):
            raise ExperimentError(
                f"training.steps is {self.steps} and training.epochs {self.epochs}; one of them "
                "must be above 0 and the other 0"
            )
        self._above_0("step_epochs", "step_factor", "evaluate_scenes")
        if not 0 <= self.dampening <= 1:
            raise self._impossible("dampening", "from 0 to 1")


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
