# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Runs of 3D networks: exact resumption, joined gradients, errors, and that something is learnt."""

from __future__ import annotations

import copy
import json
import math
import resource
import shutil

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from training.engine.checkpoint import CheckpointError  # noqa: E402
from training.engine.loss_sums import segmentation_sum, weight_of  # noqa: E402
from training.engine.settings import ExperimentError  # noqa: E402
from training.points.experiment import point_experiment_from_mapping  # noqa: E402
from training.points.trainer import PointTrainer  # noqa: E402


def trainer(mapping, folder):
    return PointTrainer(point_experiment_from_mapping(mapping), folder, show_progress=False)


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


@pytest.mark.parametrize(("optimiser", "precision"), [("sgd", "fp32"), ("adamw", "bf16")])
def test_a_resumed_run_equals_an_uninterrupted_one(
    point_experiment, tmp_path, optimiser, precision
):
    point_experiment["training"] |= {
        "steps": 2,
        "evaluate_every": 0,
        "optimiser": optimiser,
        "precision": precision,
    }
    whole = trainer(point_experiment, tmp_path / "whole")
    metrics = whole.run()
    assert trainer(point_experiment, tmp_path / "parts").run(until=1) is None
    resumed = trainer(point_experiment, tmp_path / "parts")
    assert resumed.step == 1
    assert resumed.run()["miou"] == metrics["miou"]
    assert_same(resumed.network.state_dict(), whole.network.state_dict())
    assert_same(resumed.averaged.state, whole.averaged.state)


def test_a_resumed_run_on_blocks_equals_an_uninterrupted_one(block_experiment, tmp_path):
    block_experiment["training"] |= {"steps": 2, "evaluate_every": 0}
    whole = trainer(block_experiment, tmp_path / "whole")
    whole.run()
    trainer(block_experiment, tmp_path / "parts").run(until=1)
    resumed = trainer(block_experiment, tmp_path / "parts")
    resumed.run()
    assert_same(resumed.network.state_dict(), whole.network.state_dict())


def test_the_run_folder(point_experiment, tmp_path):
    folder = tmp_path / "run"
    point_experiment["training"]["keep"] = 1
    metrics = trainer(point_experiment, folder).run()
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert set(metrics) >= {"miou", "accuracy", "class_iou", "points", "steps", "minutes"}
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["step_0000003.pt"]
    assert list((folder / "tensorboard").iterdir())


def test_accumulated_gradients_are_those_of_the_joined_batch(point_experiment, tmp_path):
    point_experiment["training"] |= {"accumulate": 3, "batch": 1, "class_balance": 0.5}
    run = trainer(point_experiment, tmp_path / "run")
    batches = run.batches.at(0)
    assert len(batches) == 3
    joined = run.sampling.batch([run.batches._draw(sample) for sample in range(3)])
    run.network.eval()
    total = float(weight_of(joined.labels, -1, run.weights))
    logits = run.network(*joined.inputs).logits
    (segmentation_sum(logits, joined.labels, -1, run.weights).total / total).backward()
    expected = [parameter.grad.clone() for parameter in run.network.parameters()]
    run.network.train = lambda mode=True: run.network  # batch norm stays as in evaluation
    run._train_step(*batches)
    for parameter, gradient in zip(run.network.parameters(), expected, strict=True):
        tolerance = 1e-4 * float(gradient.abs().max())
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=tolerance)


def test_epochs_say_how_many_steps(point_experiment, tmp_path):
    point_experiment["training"] |= {"steps": 0, "epochs": 5}
    assert trainer(point_experiment, tmp_path / "run").steps == 5 * 2  # 3 scenes in batches of 2
    point_experiment["data"]["points_per_sample"] = 100  # each of 200 points twice
    assert trainer(point_experiment, tmp_path / "more").steps == 5 * 3


def test_time_ends_a_run(point_experiment, tmp_path):
    point_experiment["training"] |= {"steps": 10000, "max_minutes": 1e-9}
    run = trainer(point_experiment, tmp_path / "run")
    assert run.run()["steps"] == run.step == 1


def test_classes_are_learnt(point_experiment, tmp_path):
    point_experiment["training"] |= {
        "steps": 20,
        "optimiser": "adamw",
        "learning_rate": 0.004,
        "evaluate_every": 0,
        "checkpoint_every": 100,
        "ema": 0.8,
    }
    point_experiment["augmentation"] = {"elastic": [], "color_shift": 0.0}
    metrics = trainer(point_experiment, tmp_path / "run").run()
    # the floor alone is a quarter of the points, the walls half
    assert metrics["accuracy"] > 80
    assert metrics["class_iou"]["table"] > 50


def test_a_run_starts_from_another(point_experiment, tmp_path):
    first = trainer(point_experiment, tmp_path / "first")
    first.run(until=1)
    point_experiment["network"]["start_from"] = str(tmp_path / "first")
    second = trainer(point_experiment, tmp_path / "second")
    assert_same(second.network.state_dict(), first.averaged.state)
    second.run(until=1)
    other = copy.deepcopy(point_experiment)
    other["network"]["config"]["conv1_kernel_size"] = 5
    with pytest.raises(CheckpointError, match="is of another network"):
        trainer(other, tmp_path / "third")
    shutil.rmtree(tmp_path / "first")
    resumed = trainer(point_experiment, tmp_path / "second")
    assert_same(resumed.network.state_dict(), second.network.state_dict())


def test_a_folder_belongs_to_one_experiment(point_experiment, tmp_path):
    trainer(point_experiment, tmp_path / "run")
    point_experiment["training"]["seed"] = 5
    with pytest.raises(ExperimentError, match=r"other settings \(training.seed\)"):
        trainer(point_experiment, tmp_path / "run")


def test_a_failed_start_leaves_the_folder_to_the_corrected_command(point_experiment, tmp_path):
    point_experiment["network"]["start_from"] = str(tmp_path / "none")
    with pytest.raises(ExperimentError, match="has no checkpoint"):
        trainer(point_experiment, tmp_path / "run")
    point_experiment["network"]["start_from"] = ""
    point_experiment["training"]["precision"] = "fp16"
    with pytest.raises(ExperimentError, match="fp16 needs a CUDA device"):
        trainer(point_experiment, tmp_path / "run")
    point_experiment["training"] |= {"precision": "fp32", "learning_rate": 1e30, "clip": math.inf}
    with pytest.raises(ExperimentError, match="the training diverged"):
        trainer(point_experiment, tmp_path / "run").run()
    point_experiment["training"]["learning_rate"] = 0.01
    trainer(point_experiment, tmp_path / "run").run(until=1)
    point_experiment["training"]["learning_rate"] = 0.02
    with pytest.raises(ExperimentError, match=r"other settings \(training.learning_rate\)"):
        trainer(point_experiment, tmp_path / "run")


def test_a_checkpoint_of_another_network_is_named(point_experiment, tmp_path):
    trainer(point_experiment, tmp_path / "run").run(until=1)
    point_experiment["network"]["config"]["conv1_kernel_size"] = 5
    other = tmp_path / "other"
    trainer(point_experiment, other)
    shutil.copytree(tmp_path / "run" / "checkpoints", other / "checkpoints")
    with pytest.raises(CheckpointError, match=r"step_0000001\.pt is a checkpoint of another"):
        trainer(point_experiment, other)


def test_a_truncated_checkpoint_is_named(point_experiment, tmp_path):
    trainer(point_experiment, tmp_path / "run").run(until=1)
    path = tmp_path / "run" / "checkpoints" / "step_0000001.pt"
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match=r"step_0000001\.pt is no readable checkpoint"):
        trainer(point_experiment, tmp_path / "run")


def test_a_full_disk_leaves_the_checkpoints_that_are_there(point_experiment, tmp_path):
    run = trainer(point_experiment, tmp_path / "run")
    run.run(until=1)
    run.step = 2
    before = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(CheckpointError, match="can't be written .* make room on the disk"):
            run._save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir()) == before


def test_half_precision_without_cuda_is_refused(point_experiment, tmp_path):
    point_experiment["training"]["precision"] = "fp16"
    with pytest.raises(ExperimentError, match="fp16 needs a CUDA device"):
        trainer(point_experiment, tmp_path / "run")
