# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What an experiment of 3D-to-2D distillation names, opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import nn

from seg3d2d_ros.networks.registry import aligns_corners, geometry
from training.distillation.distillation_config import DistillationConfig
from training.distillation.projected_features import ProjectedFeatures
from training.engine.experiment import Experiment
from training.engine.settings import ExperimentError
from training.points.features.features_folder import ChannelStatistics, PointFeatures
from training.projection.feature_grid import FeatureGrid
from training.projection.scene_points import VISIBLE_POINTS


def feature_grid(network: nn.Module) -> FeatureGrid:
    """Where a 2D network's features lie in its image."""
    stride = geometry(network)[0]
    if aligns_corners(network):
        return FeatureGrid.aligned_corners(stride)
    return FeatureGrid.from_edges(stride)


def open_projected_features(experiment: Experiment) -> list[ProjectedFeatures | None]:
    """Features in the frames of each of the experiment's data sets; None for one without.

    Raises:
        ExperimentError: if there are not as many folders as data sets.
        PointFeaturesError: if features can't be used.
    """
    config, data = experiment.distillation, experiment.data
    roots = [data.root, *data.more_train]
    if len(config.features) != len(roots):
        raise ExperimentError(
            f"distillation.features has {len(config.features)} folders, data names {len(roots)} "
            'data sets; name a folder for each, "" for one without'
        )
    visible = config.visible_points or [str(Path(root) / VISIBLE_POINTS) for root in roots]
    return [
        ProjectedFeatures(PointFeatures(Path(folder)), Path(place)) if folder else None
        for folder, place in zip(config.features, visible, strict=True)
    ]


def merged_statistics(config: DistillationConfig, width: int) -> ChannelStatistics:
    """How the features that are to be simulated are distributed, over all folders of them.

    Args:
        config: names them, paired ones or, where there are none, unpaired ones.
        width: channels that the network simulates.

    Raises:
        ExperimentError: if none are named, or they are of another width, of several teachers, or of
            channels without variance.
        PointFeaturesError: if they can't be read.
    """
    folders = sorted({folder for folder in (*config.features, *config.unpaired.features) if folder})
    if not folders:
        raise ExperimentError(
            "distillation.features names no point features; a distillation branch needs their "
            "statistics, also where projection_weight is 0"
        )
    opened = [PointFeatures(Path(folder)) for folder in folders]
    for each in opened:
        if each.width != width:
            raise ExperimentError(
                f"{each.folder} has features of {each.width} channels, the network simulates "
                f"{width}; set network.config.branch.feature_width to {each.width}"
            )
        if each.description.teacher_sha256 != opened[0].description.teacher_sha256:
            raise ExperimentError(
                f"{opened[0].folder} and {each.folder} hold features of different 3D networks, "
                "which mean different things; make them with one"
            )
    parts = [each.statistics for each in opened]
    counts = np.array([part.count for part in parts], np.float64)[:, None]
    means = np.stack([part.mean for part in parts])
    mean = (counts * means).sum(0) / counts.sum()
    squares = np.stack([part.variance for part in parts]) + (means - mean) ** 2
    merged = ChannelStatistics(mean, (counts * squares).sum(0) / counts.sum(), int(counts.sum()))
    if merged.constant_channels:
        raise ExperimentError(f"{', '.join(folders)}: {merged.constant_channels_text}")
    return merged
