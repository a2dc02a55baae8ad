# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Experiments: one YAML file each, every setting checked, single ones changed by ``a.b=value``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.data.augmentation_config import AugmentationConfig
from training.distillation.distillation_config import DistillationConfig
from training.engine.run_config import RunConfig
from training.engine.settings import ExperimentError, build_section, plain, read_settings


@dataclass(frozen=True)
class DataConfig:
    """Where the frames are.

    Attributes:
        root: folder of a prepared data set, or in ScanNet's frames layout.
        more_train: further such folders, whose train splits are added.
        train_split: file in ``splits`` without its suffix.
        val_split: likewise; only that of ``root`` is used.
        source: label space of the files in ScanNet's layout.
        description: what the pictures are, for the model's card.
        credits: whose work they are, a line each, for the model's card.
    """

    root: str
    more_train: list[str] = field(default_factory=list)
    train_split: str = "train"
    val_split: str = "val"
    source: str = "nyu40"
    description: str = ""
    credits: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class NetworkConfig:
    """Network and the weights it starts from.

    Attributes:
        name: in the registry of networks.
        config: its settings.
        imagenet: whether the encoder starts from ImageNet weights.
        depth_run: folder of the run that trained a cascade's depth network.
        start_from: folder of a run of the same network whose averaged weights are the start.
        encoder_weights: file of ImageNet weights that the encoder starts from in place of those
            that a package has; for ResNets those of semseg, for HRNet those of timm.
    """

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    imagenet: bool = True
    start_from: str = ""
    depth_run: str = ""
    encoder_weights: str = ""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(RunConfig):
    """How a run goes, beside what all runs have; the learning rate is the decoder's.

    The schedule is polynomial.

    Attributes:
        steps: optimiser steps; 0 for as many as `epochs` take.
        epochs: passes over all training frames, where there are no `steps`.
        crop: height and width of the training images, multiples of the network's, or one pixel more
            where it aligns corners.
        early_crop: smaller ones, shown at a smaller scale, of the first `early_steps` steps: more
            pictures are seen in the same time (progressive resizing).
        early_steps: how many; 0 for none.
        encoder_rate: the encoder's learning rate as a part of the decoder's.
        auxiliary_weight: of the loss of a network's auxiliary head.
        loss_size: ``half``, the cross-entropy at half the image's size, or ``full``. Networks whose
            corners are aligned take ``full``.
        decay: ``kernels``, weights of more than one dimension decay, or ``all``.
        sync_batch_norm: whether batch norms take the statistics of all processes (on CUDA devices).
        evaluate_frames: evenly spaced val frames used during the run; the end uses all.

    Raises:
        ExperimentError: if a setting is impossible.
    """

    steps: int = 0
    epochs: int = 0
    batch: int = 8
    crop: tuple[int, int] = (224, 288)
    early_crop: tuple[int, int] = (160, 192)
    early_steps: int = 0
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    encoder_rate: float = 0.3
    weight_decay: float = 0.01
    warmup: int = 200
    clip: float = 5.0
    ema: float = 0.998
    class_balance: float = 0.3
    precision: str = "bf16"
    auxiliary_weight: float = 0.4
    loss_size: str = "half"
    decay: str = "kernels"
    sync_batch_norm: bool = False
    evaluate_frames: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        self._above_0("evaluate_frames")
        self._not_below_0("steps", "epochs", "early_steps", "encoder_rate", "auxiliary_weight")
        self._one_of("loss_size", ("half", "full"))
        self._one_of("decay", ("kernels", "all"))
        if not self.steps and not self.epochs:
            raise self._impossible("steps", "above 0 where there are no epochs")
        if self.steps and self.epochs:
            raise ExperimentError("training has both steps and epochs; set one of them to 0")


@dataclass(frozen=True)
class InputConfig:
    """Network size in use, pixels: frames are scaled to about this area."""

    height: int = 288
    width: int = 384


@dataclass(frozen=True)
class Experiment:
    """All that determines a run.

    Attributes:
        name: of the run's folder and in the model's provenance.
        label_space: YAML file of the classes.
        data, network, training, input, augmentation, distillation: see there.
        licence: SPDX identifier that exported models carry.
    """

    name: str
    label_space: str
    data: DataConfig
    network: NetworkConfig
    training: TrainingConfig
    licence: str = "LicenseRef-unstated"
    input: InputConfig = field(default_factory=InputConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    distillation: DistillationConfig = field(default_factory=DistillationConfig)

    def to_mapping(self) -> dict[str, Any]:
        """Plain mapping that :func:`experiment_from_mapping` reads."""
        return plain(dataclasses.asdict(self))


def experiment_from_mapping(mapping: Mapping[str, Any]) -> Experiment:
    """Build an experiment from the content of its YAML file.

    Raises:
        ExperimentError: if a setting is missing, unknown or of the wrong type.
    """
    return build_section(Experiment, mapping)


def load_experiment(path: str | Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read an experiment file and apply overrides.

    Args:
        path: YAML file.
        overrides: each ``section.setting=value``; the value is read as YAML.

    Raises:
        ExperimentError: if the file cannot be read or a setting is wrong.
    """
    return experiment_from_mapping(read_settings(path, overrides))
