# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What an experiment names, built: network, input size and training frames."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from seg3d2d_ros.bundle import InputSpec
from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.networks.depth_cascade import DepthCascade
from seg3d2d_ros.networks.efficientnet_lite import EfficientNetLite, load_imagenet_weights
from seg3d2d_ros.networks.registry import (
    build_network,
    geometry,
    pixel_statistics,
)
from training.data.labelled_frames import JoinedFrames
from training.data.open_frames import open_frames
from training.distillation.depth_network_weights import fill_depth_network
from training.engine.encoder_weights import load_encoder_weights
from training.engine.experiment import Experiment
from training.engine.image_sides import check_sides
from training.engine.settings import ExperimentError
from training.engine.stored_run import start_from


def input_spec(experiment: Experiment, network: nn.Module) -> InputSpec:
    """Network size and normalisation of an experiment's bundle.

    Raises:
        ExperimentError: if the network cannot take the experiment's input size or crops.
    """
    multiple = geometry(network)[1]
    size, training = experiment.input, experiment.training
    check_sides(network, training.crop, "training.crop")
    if training.early_steps:
        check_sides(network, training.early_crop, "training.early_crop")
    if any(side % multiple or side < multiple for side in (size.height, size.width)):
        raise ExperimentError(
            f"input is {size.height} x {size.width}; input.height and input.width must be "
            f"multiples of {multiple}"
        )
    return InputSpec(size.height, size.width, multiple, *pixel_statistics(network))


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


def outputs_of(experiment: Experiment, label_space: LabelSpace) -> int:
    """How many outputs the experiment's network has: one a class, or the depth alone."""
    return 1 if experiment.distillation.depth.only else label_space.num_classes


def new_network(
    experiment: Experiment, label_space: LabelSpace, *, begun: bool = False
) -> nn.Module:
    """The experiment's network with the weights it starts from.

    Args:
        experiment: what to train.
        label_space: its classes.
        begun: whether the run goes on from a checkpoint, which holds all weights: those that the
            run started from are not looked for, and may be gone.

    Raises:
        ExperimentError: if there are no such weights.
        CheckpointError: if those to start from are damaged or of another network.
    """
    config = experiment.network
    network = build_network(config.name, config.config, outputs_of(experiment, label_space))
    if config.start_from and config.encoder_weights:
        raise ExperimentError(
            "network.start_from and network.encoder_weights are two starts; name one of them"
        )
    if begun:
        return network
    if config.start_from:
        start_from(network, config.start_from, config.name)
    elif config.encoder_weights:
        load_encoder_weights(network, config.encoder_weights, config.name)
    elif config.imagenet:
        encoder = getattr(network, "encoder", None)
        if not isinstance(encoder, EfficientNetLite):
            raise ExperimentError(
                f"there are no ImageNet weights for network '{config.name}'; name a file of them "
                "(network.encoder_weights), or train without (network.imagenet: false)"
            )
        load_imagenet_weights(encoder)
    if isinstance(network, DepthCascade) and not config.start_from:
        if not config.depth_run:
            raise ExperimentError(
                f"network '{config.name}' sees depth that another network predicts; name the run "
                "that trained it in network.depth_run"
            )
        fill_depth_network(network, Path(config.depth_run))
    return network
