# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Runs of the depth baselines."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from training.distillation.depth_comparison import FAR_M, NEAR_M  # noqa: E402
from training.distillation.depth_trainer import DepthTrainer, MultitaskTrainer  # noqa: E402
from training.engine.checkpoint import CheckpointError  # noqa: E402
from training.engine.experiment import experiment_from_mapping  # noqa: E402
from training.engine.settings import ExperimentError  # noqa: E402
from training.engine.trainer import Trainer  # noqa: E402
from training.finished_run import load_run  # noqa: E402
from training.inspection.pictures import NOT_MEASURED, depth_colors  # noqa: E402
from training.kinds_of_training import trainer_of  # noqa: E402

STUDENT = "efficientnet_lite_fpn"


@pytest.fixture
def experiment(experiment):
    config = {"network": STUDENT, "config": {"width": 8}, "hidden": 8, "width": 8}
    experiment["network"] |= {"name": "depth_multitask", "config": config}
    experiment["distillation"] = {"depth": {"weight": 0.5}}
    return experiment


@pytest.fixture
def depth_only(experiment):
    experiment["network"] = {"name": STUDENT, "config": {"width": 8}, "imagenet": False}
    experiment["distillation"] = {"depth": {"only": True}}
    return experiment


def trainer(mapping, folder, kind):
    experiment = experiment_from_mapping(mapping)
    assert trainer_of(experiment) is kind
    return kind(experiment, folder, show_progress=False)


def test_a_resumed_multitask_run_equals_an_uninterrupted_one(experiment, tmp_path):
    whole = trainer(experiment, tmp_path / "whole", MultitaskTrainer)
    metrics = whole.run()
    assert whole._watched()["depth/log_error"] > 0
    assert trainer(experiment, tmp_path / "parts", MultitaskTrainer).run(until=3) is None
    resumed = trainer(experiment, tmp_path / "parts", MultitaskTrainer)
    assert resumed.run()["miou"] == metrics["miou"]
    for name, value in resumed.network.state_dict().items():
        assert torch.equal(value, whole.network.state_dict()[name]), name


def test_depth_is_the_measured_one(experiment, tmp_path):
    """The wall is 3 m away and the panel 2.2 m, in canonical depth."""
    run = trainer(experiment, tmp_path / "run", MultitaskTrainer)
    _, labels, depth = run.batches.at(0)
    seen = labels[:, 2::4, 2::4]
    for image in range(2):
        wall, panel = (depth[image][(seen[image] == c) & (depth[image] > 0)] for c in (0, 4))
        if len(panel):
            assert float(wall.median() / panel.median()) == pytest.approx(3 / 2.2, rel=0.02)


def test_a_cascade_sees_what_a_depth_network_has_learnt(depth_only, tmp_path):
    metrics = trainer(depth_only, tmp_path / "depth", DepthTrainer).run()
    assert metrics["log_depth_error"] > 0 and metrics["cells"] > 1000
    with pytest.raises(ExperimentError, match="has trained a depth network"):
        load_run(tmp_path / "depth")
    student = {"network": STUDENT, "config": {"width": 8}, "depth_config": {"width": 8}}
    depth_only["network"] = {"name": "depth_cascade", "config": student, "imagenet": False}
    depth_only["distillation"] = {}
    with pytest.raises(ExperimentError, match=r"name the run .* in network\.depth_run"):
        trainer(depth_only, tmp_path / "cascade", Trainer)
    depth_only["network"]["depth_run"] = str(tmp_path / "depth")
    cascade = trainer(depth_only, tmp_path / "cascade", Trainer)
    before = {k: v.clone() for k, v in cascade.network.depth_network.state_dict().items()}
    assert cascade.run(until=2) is None
    shutil.rmtree(tmp_path / "depth")
    cascade = trainer(depth_only, tmp_path / "cascade", Trainer)  # goes on without that run
    assert cascade.step == 2 and cascade.run()["miou"] >= 0
    with pytest.raises(CheckpointError, match=r"^network\.depth_run: \S*depth is no run folder"):
        trainer(depth_only, tmp_path / "another", Trainer)
    for name, value in cascade.network.depth_network.state_dict().items():
        assert torch.equal(value, before[name]), name


def pictures(folder):
    """Pictures of a run in TensorBoard, by their names; RGB."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"images": 0})
    events.Reload()
    found = {}
    for tag in events.Tags()["images"]:
        *_, event = events.Images(tag)  # the last is of the run's end
        content = np.frombuffer(event.encoded_image_string, np.uint8)
        found[tag] = cv2.imdecode(content, cv2.IMREAD_COLOR)[..., ::-1]
    return found


@pytest.mark.parametrize("kind", [MultitaskTrainer, DepthTrainer])
def test_val_frames_are_shown_with_their_depth(kind, experiment, request, tmp_path):
    if kind is DepthTrainer:
        request.getfixturevalue("depth_only")
    experiment["training"] |= {"steps": 2, "evaluate_every": 1}
    run = trainer(experiment, tmp_path / "run", kind)
    run.run()
    found = pictures(tmp_path / "run")
    depths = [name for name in found if name.startswith("val_depth/")]
    assert depths == [f"val_depth/{k}" for k in range(3)]  # of three val frames
    assert any(name.startswith("val/") for name in found) == (kind is MultitaskTrainer)
    # image, predicted and measured depth; the wall is 3 m away and the panel 2.2 m
    images, _, depth = run._val_batches(run.graph.network, canonical=False).at(0)
    assert {round(float(z), 1) for z in depth[depth > 0]} <= {3.0, 2.2}
    picture = found["val_depth/0"]
    tile, top = 288, 20
    side = round(tile * 64 / 96)
    shown, measured = (picture[top : top + side, k * (tile + 4) :][:, :tile] for k in (0, 2))
    expected = cv2.resize(images[0].numpy(), (tile, side), interpolation=cv2.INTER_AREA)
    assert np.array_equal(shown, expected)
    colors = depth_colors(depth[0].numpy(), NEAR_M, FAR_M)
    expected = cv2.resize(colors, (tile, side), interpolation=cv2.INTER_NEAREST)
    known = cv2.resize((depth[0].numpy() > 0).astype(np.uint8), (tile, side), interpolation=0) > 0
    assert known.mean() > 0.5
    assert np.array_equal(measured[known], expected[known])
    assert (measured[~known] == NOT_MEASURED).all()


def test_predicted_depth_is_shown_in_metres(experiment, tmp_path, monkeypatch):
    """What is predicted for the wall is shown as the 3 m that it is away."""
    run = trainer(experiment, tmp_path / "run", MultitaskTrainer)
    canonical = run._val_batches(run.graph.network).at(0)[2]
    metres = run._val_batches(run.graph.network, canonical=False).at(0)[2]
    wall = float(canonical[(metres - 3.0).abs() < 0.05].mean())
    assert abs(wall - 3.0) > 1  # so that one is told from the other
    everywhere = torch.full((1, 1, *canonical.shape[1:]), wall).log()
    monkeypatch.setattr(run, "_log_depth", lambda outputs: everywhere)
    shown = {}
    writer = SimpleNamespace(
        add_image=lambda name, picture, *_, **__: shown.update({name: picture})
    )
    run._show_depth(writer)
    tile, top = 288, 20
    predicted = shown["val_depth/0"][top : top + round(tile * 64 / 96), tile + 4 :][:, :tile]
    expected = depth_colors(np.full((1, 1), 3.0, np.float32), NEAR_M, FAR_M)[0, 0]
    assert np.abs(predicted.astype(int) - expected).max() <= 3


def test_a_network_without_depth_is_named(experiment, tmp_path):
    experiment["network"] = {"name": STUDENT, "config": {"width": 8}, "imagenet": False}
    run = trainer(experiment, tmp_path / "run", MultitaskTrainer)
    with pytest.raises(ExperimentError, match="predicts no depth; take depth_multitask"):
        run.run()


@pytest.mark.parametrize(
    ("distillation", "message"),
    [
        ({"depth": {"weight": 1.0, "only": True}}, "give it, or a weight"),
        ({"depth": {"weight": -1.0}}, "depth.weight is -1.0, must be at least 0"),
        ({"depth": {"weight": 1.0}, "features": ["f"]}, "learns nothing from 3D features"),
    ],
)
def test_what_does_not_fit_is_named(experiment, tmp_path, distillation, message):
    experiment["distillation"] = distillation
    with pytest.raises(ExperimentError, match=message):
        trainer(experiment, tmp_path / "run", MultitaskTrainer)
