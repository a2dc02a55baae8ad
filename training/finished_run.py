# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The network that a run has trained, with what is needed to use it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seg3d2d_ros.bundle import InputSpec
from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from seg3d2d_ros.networks.registry import build_network
from training.engine.components import input_spec
from training.engine.experiment import Experiment, experiment_from_mapping
from training.engine.run_folder import recorded_settings
from training.engine.settings import ExperimentError
from training.engine.stored_run import fill_with_averaged, run_files


@dataclass(frozen=True)
class FinishedRun:
    """What export and evaluation need of a run folder."""

    experiment: Experiment
    label_space: LabelSpace
    graph: ParsingGraph
    spec: InputSpec
    step: int


def load_run(folder: Path) -> FinishedRun:
    """Read a run's configuration and the averaged weights of its newest checkpoint.

    Raises:
        CheckpointError: if there is no configuration or checkpoint, or they don't fit.
        ExperimentError: if the configuration is damaged.
    """
    config, checkpoint = run_files(folder)
    experiment = recorded_settings(config, experiment_from_mapping)
    if experiment.distillation.depth.only:
        raise ExperimentError(
            f"{folder} has trained a depth network, which tells no classes apart; a cascade names "
            "it in network.depth_run"
        )
    label_space = LabelSpace.load(experiment.label_space)
    network = build_network(
        experiment.network.name, experiment.network.config, label_space.num_classes
    )
    state = fill_with_averaged(network, checkpoint, f"that of {config}")
    spec = input_spec(experiment, network)
    graph = ParsingGraph(network, spec.mean, spec.std, 1.0).eval()
    return FinishedRun(experiment, label_space, graph, spec, state["step"])
