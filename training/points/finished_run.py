# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The 3D network that a run has trained, with what is needed to use it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seg3d2d_ros.labels import LabelSpace
from training.engine.run_folder import recorded_settings
from training.engine.stored_run import fill_with_averaged, run_files
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
        ExperimentError: if the configuration is damaged or none of a 3D network's run.
    """
    config, checkpoint = run_files(folder)
    experiment = recorded_settings(config, point_experiment_from_mapping)
    space = LabelSpace.load(experiment.label_space)
    chosen = experiment.network
    network = build_point_network(chosen.name, chosen.config, space.num_classes)
    state = fill_with_averaged(network, checkpoint, f"that of {config}")
    sampling = build_sampling(chosen.name, chosen.sampling)
    return FinishedPointRun(experiment, space, network.eval(), sampling, state["step"])
