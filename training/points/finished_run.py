# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The 3D network that a run has trained, with what is needed to use it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from seg3d2d_ros.labels import LabelSpace
from training.engine.checkpoint import CheckpointError, load_checkpoint, newest_checkpoint
from training.points.experiment import PointExperiment, point_experiment_from_mapping
from training.points.networks.point_network import PointNetwork
from training.points.networks.registry import build_point_network, build_sampling
from training.points.sampling.scene_sampling import SceneSampling


@dataclass(frozen=True, eq=False)
class FinishedPointRun:
    """What export and evaluation need of a run folder.

    Attributes:
        experiment: of the run.
        label_space: its classes.
        network: with the averaged weights of the newest checkpoint, in evaluation mode, on the
            CPU.
        sampling: the network's.
        step: of the checkpoint.
    """

    experiment: PointExperiment
    label_space: LabelSpace
    network: PointNetwork
    sampling: SceneSampling
    step: int


def load_point_run(folder: Path) -> FinishedPointRun:
    """Read a run's configuration and the averaged weights of its newest checkpoint.

    Raises:
        CheckpointError: if there is no configuration or checkpoint, or they don't fit.
        ExperimentError: if the configuration is none of a 3D network's run.
    """
    config = folder / "config.yaml"
    path = newest_checkpoint(folder / "checkpoints")
    if not config.is_file() or path is None:
        raise CheckpointError(f"{folder} is no run folder with a checkpoint; train first")
    try:
        mapping = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise CheckpointError(f"{config} is damaged; restore it, or train anew") from error
    experiment = point_experiment_from_mapping(mapping)
    space = LabelSpace.load(experiment.label_space)
    chosen = experiment.network
    network = build_point_network(chosen.name, chosen.config, space.num_classes)
    state = load_checkpoint(path)
    try:
        network.load_state_dict(state["averaged"])
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not fit the network of {config}") from error
    sampling = build_sampling(chosen.name, chosen.sampling)
    return FinishedPointRun(experiment, space, network.eval(), sampling, state["step"])
