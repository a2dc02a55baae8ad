# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Experiments that follow a published recipe have its numbers."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from training.points.experiment import load_point_experiment  # noqa: E402
from training.points.networks.registry import build_point_network, build_sampling  # noqa: E402

SGD = {
    "optimiser": "sgd",
    "momentum": 0.9,
    "learning_rate": 0.1,
    "weight_decay": 1e-4,
    "warmup": 0,
    "clip": math.inf,
    "ema": 0.0,
    "class_balance": 0.0,
    "label_smoothing": 0.0,
    "accumulate": 1,
}
# SpatioTemporalSegmentation, commit 4afee296: config.py (SGD, dampening, poly_power, bn_momentum,
# scales), lib/dataset.py, lib/transforms.py (chances)
MINKOWSKI = {**SGD, "dampening": 0.1, "schedule": "poly", "power": 0.9, "epochs": 0}
CHANCES = {
    "rotation": 180.0,
    "scale": (0.9, 1.1),
    "flip_chance": 0.95,
    "autocontrast_chance": 0.2,
    "color_shift_chance": 0.95,
    "color_jitter_chance": 0.95,
    "dropout": 0.2,
    "dropout_chance": 0.2,
}
RECIPES = {
    # scripts/train_scannet.sh, lib/datasets/scannet.py
    "scannet_res16unet34c": {
        "training": {**MINKOWSKI, "steps": 120_000, "batch": 9},
        "sampling": {
            "voxel_size": 0.02,
            "point_cap": 1_200_000,
            "crop_m": 0.0,
            "positions": "none",
        },
        "augmentation": {
            **CHANCES,
            "elastic": ((0.2, 0.4), (0.8, 1.6)),
            "elastic_chance": 0.95,
            "tilt": math.degrees(math.pi / 64),
            "color_shift": 0.1,
            "color_jitter": 0.05,
        },
        "network": {"in_channels": 3, "conv1_kernel_size": 5, "bn_momentum": 0.02},
    },
    # scripts/train_stanford.sh, lib/datasets/stanford.py: CLIP_BOUND 4 either way, positions beside
    # colours (AUGMENT_COORDS_TO_FEATS), no ELASTIC_DISTORT_PARAMS, no --train_limit_numpoints
    "s3dis_res16unet18a": {
        "training": {**MINKOWSKI, "steps": 60_000, "batch": 6},
        "sampling": {
            "voxel_size": 0.05,
            "point_cap": 10**9,
            "crop_m": 2 * 4.0,
            "positions": "voxels",
        },
        "augmentation": {
            **CHANCES,
            "elastic": (),
            "tilt": math.degrees(math.pi / 32),
            "color_shift": 0.05,
            "color_jitter": 0.005,
        },
        "network": {"in_channels": 6, "conv1_kernel_size": 5, "bn_momentum": 0.02},
    },
    # PointWeb: config/s3dis/s3dis_pointweb.yaml, tool/train.py
    "s3dis_pointweb": {
        "training": {
            **SGD,
            "learning_rate": 0.05,
            "dampening": 0.0,
            "schedule": "step",
            "step_epochs": 30,
            "step_factor": 0.1,
            "steps": 0,
            "epochs": 100,
            "batch": 16,
        },
        "sampling": {"block_size": 1.0, "stride": 0.5, "num_points": 4096, "colors": True},
        "augmentation": {
            "elastic": (),
            "rotation": 0.0,
            "tilt": 0.0,
            "scale": (1.0, 1.0),
            "flip_chance": 0.0,
            "autocontrast_chance": 0.0,
            "color_shift_chance": 0.0,
            "color_jitter_chance": 0.0,
            "dropout": 0.0,
        },
        "network": {"feature_channels": 6},
    },
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_the_published_numbers(name, repository):
    folder = repository / "config" / "experiments" / "points"
    experiment = load_point_experiment(folder / f"{name}.yaml")
    recipe, network = RECIPES[name], experiment.network
    sampling = build_sampling(network.name, network.sampling)
    for part, found in (
        ("training", experiment.training),
        ("sampling", sampling),
        ("augmentation", experiment.augmentation),
    ):
        for setting, value in recipe[part].items():
            expected = pytest.approx(value) if isinstance(value, float) else value
            assert getattr(found, setting) == expected, f"{part}.{setting}"
    built = build_point_network(network.name, network.config, 13)
    for setting, value in recipe["network"].items():
        if setting == "conv1_kernel_size":
            assert built.conv0p1s1.kernel.shape[0] == value**3
        elif setting == "bn_momentum":
            assert built.bn0.bn.momentum == value
        else:
            assert getattr(built, setting) == value
