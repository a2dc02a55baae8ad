# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What an experiment names, built: network, input size and training frames."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from seg3d2d_ros.bundle import InputSpec
from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.networks.efficientnet_lite import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    EfficientNetLite,
    load_imagenet_weights,
)
from seg3d2d_ros.networks.registry import build_network, geometry
from training.data.labelled_frames import JoinedFrames
from training.data.open_frames import open_frames
from training.engine.checkpoint import first_line, load_checkpoint, newest_checkpoint
from training.engine.experiment import Experiment, ExperimentError


def check_device(device: str) -> None:
    """Whether there is such a device.

    Raises:
        ExperimentError: if not.
    """
    try:
        torch.empty(1, device=device).cpu()  # what is on the device "meta" can't be had
    except (RuntimeError, AssertionError) as error:
        raise ExperimentError(
            f"device '{device}' can't be had here ({first_line(error)}); use --device cpu, or "
            "install PyTorch for it"
        ) from error


def input_spec(experiment: Experiment, network: nn.Module) -> InputSpec:
    """Network size and normalisation of an experiment's bundle.

    Raises:
        ExperimentError: if the network cannot take the experiment's input size or crops.
    """
    multiple = geometry(network)[1]
    size, training = experiment.input, experiment.training
    for what, sides in (
        ("input", (size.height, size.width)),
        ("training.crop", training.crop),
        *([("training.early_crop", training.early_crop)] if training.early_steps else []),
    ):
        if any(side % multiple or side < multiple for side in sides):
            raise ExperimentError(
                f"{what} is {sides[0]} x {sides[1]}, its sides must be multiples of {multiple}"
            )
    mean, std = (IMAGENET_MEAN,) * 3, (IMAGENET_STD,) * 3
    return InputSpec(size.height, size.width, multiple, mean, std)


def training_frames(experiment: Experiment, label_space: LabelSpace) -> JoinedFrames:
    """All training frames of an experiment.

    Raises:
        DatasetError: if a data set cannot be read.
    """
    data = experiment.data
    roots = [data.root, *data.more_train]
    return JoinedFrames(
        [open_frames(root, data.train_split, label_space, data.source) for root in roots]
    )


def new_network(experiment: Experiment, label_space: LabelSpace) -> nn.Module:
    """The experiment's network with the weights it starts from.

    Raises:
        ExperimentError: if there are no such weights for this network.
    """
    config = experiment.network
    network = build_network(config.name, config.config, label_space.num_classes)
    if config.start_from:
        path = newest_checkpoint(Path(config.start_from) / "checkpoints")
        if path is None:
            raise ExperimentError(f"network.start_from: {config.start_from} has no checkpoint")
        try:
            network.load_state_dict(load_checkpoint(path)["averaged"])
        except (KeyError, RuntimeError) as error:
            raise ExperimentError(f"{path} is of another network than '{config.name}'") from error
    elif config.imagenet:
        encoder = getattr(network, "encoder", None)
        if not isinstance(encoder, EfficientNetLite):
            raise ExperimentError(f"there are no ImageNet weights for network '{config.name}'")
        load_imagenet_weights(encoder)
    return network
