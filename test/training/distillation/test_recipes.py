# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Every recipe of distillation trains, and says what the paper and its code say."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from seg3d2d_ros.networks.hrnet import timm_package  # noqa: E402
from training.engine.experiment import experiment_from_mapping, load_experiment  # noqa: E402
from training.kinds_of_training import trainer_of  # noqa: E402

FOLDER = Path(__file__).resolve().parents[3] / "config/experiments/distillation"
RECIPES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def recipe(name):
    return load_experiment(FOLDER / f"{name}.yaml")


def run_of(mapping, folder):
    experiment = experiment_from_mapping(mapping)
    return trainer_of(experiment)(experiment, folder, show_progress=False)


@pytest.mark.parametrize("name", RECIPES)
def test_two_steps(name, paired_rooms, tmp_path):
    mapping = recipe(name).to_mapping()
    if mapping["network"]["name"] == "hrnet_ocr":
        try:
            timm_package()
        except ModuleNotFoundError as error:
            pytest.skip(str(error))
    mapping["label_space"] = str(paired_rooms.root / "label_space.yaml")
    mapping["data"]["root"] = str(paired_rooms.root)
    mapping["training"] |= {"steps": 2, "epochs": 0, "batch": 2, "crop": [97, 97]}
    mapping["training"] |= {"threads": 1, "evaluate_every": 0, "checkpoint_every": 1000}
    mapping["network"]["encoder_weights"] = ""
    if mapping["network"]["depth_run"]:
        depth = {**mapping, "name": "depth", "distillation": {"depth": {"only": True}}}
        depth["network"] = {"name": "pspnet", "imagenet": False}
        run_of(depth, tmp_path / "depth")._save()
        mapping["network"]["depth_run"] = str(tmp_path / "depth")
    branch = mapping["network"]["config"].get("branch")
    if branch:
        branch["feature_width"] = 6
    distillation = mapping["distillation"]
    if distillation["features"] or branch:
        distillation["features"] = [str(paired_rooms.features) for _ in distillation["features"]]
        if distillation["statistics_2d_of"] != "running":
            distillation["statistics_2d"] = [0.15, 0.2]
        unpaired = distillation["unpaired"]
        unpaired["features"] = [str(paired_rooms.features) for _ in unpaired["features"]]
        unpaired["scans"] = [str(paired_rooms.root) for _ in unpaired["scans"]]
    run = run_of(mapping, tmp_path / "run")
    before = {key: value.clone() for key, value in run.network.state_dict().items()}
    for step in range(2):
        assert math.isfinite(run._train_step(*run.batches.at(step)))
        run.step += 1
    for key, parameter in run.network.named_parameters():
        assert torch.equal(before[key], parameter) != parameter.requires_grad, key


@pytest.mark.parametrize("name", RECIPES)
def test_the_published_recipe(name):
    training = recipe(name).training
    assert (training.optimiser, training.momentum, training.weight_decay) == ("sgd", 0.9, 1e-4)
    assert training.learning_rate * training.encoder_rate == pytest.approx(0.01)
    assert training.encoder_rate == 0.1 and training.power == 0.9 and training.warmup == 0
    assert training.crop == (473, 473) and training.batch * 4 == 16
    assert training.loaders == 8
    assert training.epochs == {"scannet": 50, "s3dis": 20, "nyu20": 300}[name.split("_")[0]]


def test_weights_of_the_losses():
    distilled = recipe("scannet_pspnet50_distilled").distillation
    assert distilled.projection_weight == 0.03
    assert recipe("nyu20_pspnet50_adversarial").distillation.unpaired.weight == 0.01
    assert recipe("scannet_pspnet50_control").distillation.projection_weight == 0


@pytest.mark.parametrize("base", ["scannet_pspnet50", "scannet_hrnet_ocr", "s3dis_pspnet50"])
def test_the_control_has_the_distilled_networks_graph(base):
    control, distilled = recipe(f"{base}_control"), recipe(f"{base}_distilled")
    named = distilled.distillation.statistics_2d_of
    assert named == f"runs/{base}_control/statistics_2d.json"
    assert control.distillation.statistics_2d_of == "running"
    assert control.network == distilled.network
    assert control.training == distilled.training
