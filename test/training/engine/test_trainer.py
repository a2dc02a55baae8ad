# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Runs: exact resumption, the run folder, and that something is learnt."""

from __future__ import annotations

import json
import resource
import shutil
import signal

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from training.engine.checkpoint import (  # noqa: E402
    CheckpointError,
    load_checkpoint,
    newest_checkpoint,
)
from training.engine.experiment import experiment_from_mapping  # noqa: E402
from training.engine.settings import ExperimentError  # noqa: E402
from training.engine.trainer import Trainer  # noqa: E402


def trainer(mapping, folder):
    return Trainer(experiment_from_mapping(mapping), folder, show_progress=False)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_run_equals_an_uninterrupted_one(experiment, tmp_path, precision):
    experiment["training"]["precision"] = precision
    whole = trainer(experiment, tmp_path / "whole")
    metrics = whole.run()
    assert trainer(experiment, tmp_path / "parts").run(until=1) is None
    resumed = trainer(experiment, tmp_path / "parts")
    assert resumed.step == 1
    assert resumed.run()["miou"] == metrics["miou"]
    for ours, theirs in (
        (resumed.network.state_dict(), whole.network.state_dict()),
        (resumed.averaged.state, whole.averaged.state),
    ):
        for name, value in ours.items():
            assert torch.equal(value, theirs[name]), name


def test_the_run_folder(experiment, tmp_path):
    folder = tmp_path / "run"
    experiment["training"]["keep"] = 1
    metrics = trainer(experiment, folder).run()
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["step_0000004.pt"]
    assert list((folder / "tensorboard").iterdir())
    assert load_checkpoint(newest_checkpoint(folder / "checkpoints"))["step"] == 4


def test_a_folder_belongs_to_one_experiment(experiment, tmp_path):
    trainer(experiment, tmp_path / "run")
    experiment["training"]["seed"] = 5
    with pytest.raises(ExperimentError, match="holds a run with other settings"):
        trainer(experiment, tmp_path / "run")


def test_a_run_starts_from_another(experiment, tmp_path):
    first = trainer(experiment, tmp_path / "first")
    first.run()
    experiment["network"]["start_from"] = str(tmp_path / "first")
    second = trainer(experiment, tmp_path / "second")
    for name, value in second.network.state_dict().items():
        assert torch.equal(value, first.averaged.state[name]), name
    second.run(until=1)
    shutil.rmtree(tmp_path / "first")
    resumed = trainer(experiment, tmp_path / "second")
    for name, value in resumed.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name
    with pytest.raises(ExperimentError, match=r"network\.start_from: \S*first has no checkpoint"):
        trainer(experiment, tmp_path / "third")


def test_a_run_of_another_network_is_no_start(experiment, tmp_path):
    trainer(experiment, tmp_path / "first").run(until=1)
    experiment["network"]["start_from"] = str(tmp_path / "first")
    experiment["network"]["config"] = {"width": 16}
    with pytest.raises(CheckpointError, match="is of another network"):
        trainer(experiment, tmp_path / "third")


def test_time_ends_a_run(experiment, tmp_path):
    experiment["training"] |= {"steps": 10000, "max_minutes": 1e-9}
    run = trainer(experiment, tmp_path / "run")
    assert run.run()["steps"] == run.step == 1


def test_parts_of_a_step_count_by_their_labelled_pixels(experiment, tmp_path):
    experiment["training"] |= {"accumulate": 3, "precision": "fp32", "clip": 1e9}
    experiment["network"]["config"]["dropout"] = 0.0
    run = trainer(experiment, tmp_path / "run")
    images, labels = run.batches.at(0)
    assert len(images) == 6
    labels[:2, 8:] = 255
    run.network.train()
    expected = [torch.zeros_like(parameter) for parameter in run.network.parameters()]
    row, column = run._phase()
    weights = run.weights[labels[:, row::2, column::2].clamp(max=len(run.weights) - 1)]
    weights[labels[:, row::2, column::2] == 255] = 0.0
    of_parts = [float(weights[2 * k : 2 * k + 2].sum()) for k in range(3)]
    assert of_parts[0] < 0.5 * of_parts[1]
    for k in range(3):
        some = images[2 * k : 2 * k + 2], labels[2 * k : 2 * k + 2]
        run.network.zero_grad()
        # a part's mean
        run._loss(some, (row, column), {"segmentation": of_parts[k]}).backward()
        for total, parameter in zip(expected, run.network.parameters(), strict=True):
            total.add_(parameter.grad * of_parts[k] / sum(of_parts))
    run._train_step(images, labels)
    for parameter, total in zip(run.network.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, total, rtol=1e-3, atol=1e-5)


def test_half_precision_without_cuda_is_refused(experiment, tmp_path):
    experiment["training"]["precision"] = "fp16"
    with pytest.raises(ExperimentError, match="fp16 needs a CUDA device"):
        trainer(experiment, tmp_path / "run")


def test_two_classes_are_learnt(experiment, tmp_path):
    experiment["training"] |= {
        "steps": 60,
        "batch": 4,
        "warmup": 5,
        "learning_rate": 0.01,
        "ema": 0.9,
        "precision": "fp32",
        "evaluate_every": 0,
        "encoder_rate": 1.0,
    }
    still = {"noise": 0.0, "blur": 0.0, "jpeg": 0.0, "grey": 0.0}
    experiment["augmentation"] = {**still, "brightness": 1.0, "contrast": 1.0, "gamma": 1.0}
    metrics = trainer(experiment, tmp_path / "run").run()
    # Calling everything wall gives half of wall's IoU and none of floor's.
    assert metrics["pixel_accuracy"] > 85
    assert metrics["class_iou"]["floor"] > 70


def test_crops_must_fit_the_network(experiment, tmp_path):
    experiment["training"]["crop"] = [64, 100]
    with pytest.raises(ExperimentError, match="training.crop is 64 x 100.*multiples of 32"):
        trainer(experiment, tmp_path / "run")


def test_ctrl_c_keeps_the_step_in_work(experiment, tmp_path, monkeypatch):
    experiment["training"] |= {"steps": 6, "checkpoint_every": 100, "evaluate_every": 0}
    whole = trainer(experiment, tmp_path / "whole")
    whole.run()
    run = trainer(experiment, tmp_path / "run")
    train_step = run._train_step

    def interrupted(*batch):
        if run.step == 2:
            signal.raise_signal(signal.SIGINT)
        return train_step(*batch)

    monkeypatch.setattr(run, "_train_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.run()
    assert newest_checkpoint(tmp_path / "run" / "checkpoints").name == "step_0000003.pt"
    again = trainer(experiment, tmp_path / "run")
    again.run()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value), name


def test_a_checkpoint_of_another_network_is_named(experiment, tmp_path):
    trainer(experiment, tmp_path / "run").run(until=1)
    experiment["network"]["config"]["width"] = 16
    other = tmp_path / "other"
    trainer(experiment, other)
    shutil.copytree(tmp_path / "run" / "checkpoints", other / "checkpoints")
    with pytest.raises(
        CheckpointError,
        match=r"step_0000001\.pt is a checkpoint of another experiment than .*other",
    ):
        trainer(experiment, other)


def test_a_full_disk_leaves_the_checkpoints_that_are_there(experiment, tmp_path):
    run = trainer(experiment, tmp_path / "run")
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


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_a_device_that_is_not_there_is_named(experiment, tmp_path, device):
    with pytest.raises(ExperimentError, match=f"device '{device}' can't be had .*--device cpu"):
        Trainer(experiment_from_mapping(experiment), tmp_path, device)


def test_a_damaged_checkpoint_is_named(experiment, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    path = tmp_path / "checkpoints" / "step_0000001.pt"
    path.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"step_0000001\.pt is no readable checkpoint"):
        trainer(experiment, tmp_path)


def test_one_image_can_not_train_pyramid_pooling(experiment, tmp_path):
    experiment["network"] = {"name": "pspnet", "imagenet": False}
    experiment["training"] |= {"batch": 1, "crop": [65, 65], "loss_size": "full"}
    with pytest.raises(ExperimentError, match="training.batch must be at least 2"):
        trainer(experiment, tmp_path / "run")
