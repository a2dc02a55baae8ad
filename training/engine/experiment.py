# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Experiments: one YAML file each, every setting checked, single ones changed by ``a.b=value``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.data.augmentation import AugmentationConfig
from training.engine.settings import ExperimentError, build_section, plain, read_settings

PRECISIONS = ("fp32", "bf16", "fp16")
OPTIMISERS = ("adamw", "sgd")


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
        start_from: folder of a run of the same network whose averaged weights are the start.
    """

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    imagenet: bool = True
    start_from: str = ""


@dataclass(frozen=True)
class TrainingConfig:
    """How a run goes.

    Attributes:
        steps: optimiser steps.
        max_minutes: end after about this much training time instead, with the learning rate at 0
            then; 0 means never. Runs ended by time are not reproducible to the bit.
        batch: images at a time and process.
        accumulate: such batches a step; their gradients are averaged.
        crop: height and width of the training images, multiples of the network's.
        early_crop: smaller ones, shown at a smaller scale, of the first `early_steps` steps: more
            pictures are seen in the same time (progressive resizing).
        early_steps: how many; 0 for none.
        optimiser: adamw or sgd.
        momentum: of sgd.
        learning_rate: peak, of the decoder.
        encoder_rate: the encoder's learning rate as a part of the decoder's.
        weight_decay: of weights with more than one dimension.
        warmup: steps over which the rate rises linearly.
        power: of the polynomial by which it then falls to 0.
        clip: largest norm of the gradient.
        ema: decay of the averaged weights, which are those evaluated and exported.
        class_balance: exponent e of the class weights frequency^-e; 0 weighs all pixels alike.
        label_smoothing: of the cross-entropy.
        precision: fp32, bf16 or fp16 (autocast; fp16, with scaled gradients, on CUDA only).
        threads: of PyTorch; 0 leaves them as they are.
        seed: of all chance.
        log_every: steps between TensorBoard scalars.
        checkpoint_every: steps between checkpoints.
        keep: checkpoints kept.
        evaluate_every: steps between evaluations on the val split; 0 means at the end only.
        evaluate_frames: evenly spaced val frames used during the run; the end uses all.
    """

    steps: int
    max_minutes: float = 0.0
    batch: int = 8
    accumulate: int = 1
    crop: tuple[int, int] = (224, 288)
    early_crop: tuple[int, int] = (160, 192)
    early_steps: int = 0
    optimiser: str = "adamw"
    momentum: float = 0.9
    learning_rate: float = 1e-3
    encoder_rate: float = 0.3
    weight_decay: float = 0.01
    warmup: int = 200
    power: float = 0.9
    clip: float = 5.0
    ema: float = 0.998
    class_balance: float = 0.3
    label_smoothing: float = 0.0
    precision: str = "bf16"
    threads: int = 0
    seed: int = 0
    log_every: int = 20
    checkpoint_every: int = 500
    keep: int = 2
    evaluate_every: int = 1000
    evaluate_frames: int = 64

    def __post_init__(self) -> None:
        for name, allowed in (("precision", PRECISIONS), ("optimiser", OPTIMISERS)):
            if getattr(self, name) not in allowed:
                raise ExperimentError(
                    f"training.{name} is '{getattr(self, name)}', must be one of "
                    f"{', '.join(allowed)}"
                )
        counts = ("steps", "batch", "accumulate", "log_every", "checkpoint_every", "keep")
        if self.early_steps < 0:
            raise ExperimentError(
                f"training.early_steps is {self.early_steps}, must not be below 0"
            )
        for name in (*counts, "evaluate_frames"):
            if getattr(self, name) < 1:
                raise ExperimentError(f"training.{name} is {getattr(self, name)}, must be above 0")


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
        data, network, training, input, augmentation: see there.
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
