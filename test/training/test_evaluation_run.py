# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from training.__main__ import main
from training.data.open_frames import open_frames
from training.engine.checkpoint import CheckpointError
from training.engine.evaluation import evaluate
from training.engine.experiment import experiment_from_mapping
from training.engine.sliding_window import SlidingWindowConfig, SlidingWindowPredictor
from training.engine.trainer import Trainer
from training.evaluation_run import evaluate_model
from training.finished_run import load_run


def test_a_run_and_its_report(experiment, rooms, tmp_path):
    run = tmp_path / "run"
    trained = Trainer(experiment_from_mapping(experiment), run, show_progress=False).run()
    metrics = evaluate_model(run, rooms, "val", out=tmp_path / "new" / "out")
    assert metrics["miou"] == trained["miou"]
    assert metrics["model"] == "tiny, step 4"
    assert metrics["frames"] == 2
    out = tmp_path / "new" / "out"
    assert json.loads((out / "metrics.json").read_text()) == metrics
    with (out / "confusion.csv").open() as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:3]] == ["wall", "floor"]
    assert sum(int(value) for row in rows[1:] for value in row[1:]) == metrics["pixels"]
    assert "scene0002_00/000001" in (out / "report.html").read_text(encoding="utf-8")


def test_neither_run_nor_bundle(rooms, tmp_path):
    with pytest.raises(CheckpointError, match="is no run folder with a checkpoint"):
        evaluate_model(tmp_path, rooms, "val")


@pytest.fixture
def run(experiment, tmp_path):
    Trainer(experiment_from_mapping(experiment), tmp_path / "run", show_progress=False).run()
    return tmp_path / "run"


def test_sliding_windows_by_command(run, rooms, tmp_path, capsys):
    words = [str(run), str(rooms), "--out", str(tmp_path / "out"), "--protocol", "sliding"]
    words += ["--base-size", "96", "--scales", "0.5", "1", "--crop", "64", "64", "--no-flip"]
    assert main(["evaluate", *words]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics == json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["test"] == (
        "windows of 64x64 at scales 0.5, 1 of 96 pixels, 0.667 of a window apart"
    )
    loaded = load_run(run)
    config = SlidingWindowConfig(96, (0.5, 1.0), (64, 64), flip=False)
    predict = SlidingWindowPredictor(loaded.graph, config)
    expected = evaluate(predict, open_frames(rooms, "val", loaded.label_space), loaded.label_space)
    assert metrics["miou"] == expected.metrics()["miou"]


def test_whole_images_by_command(run, rooms, capsys):
    words = ["evaluate", str(run), str(rooms), "--protocol", "whole", "--size", "64", "96"]
    assert main(words) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["test"] == "whole images at 64x96"
    # at their own size it is what the robot's protocol gives
    robot = evaluate_model(run, rooms, "val")
    assert metrics["miou"] == robot["miou"]
    assert metrics["pixel_accuracy"] == robot["pixel_accuracy"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--crop", "64", "64"], "--crop is of the protocol sliding, not of 'robot'"),
        (["--protocol", "sliding", "--size", "9", "9"], "--size is of the protocol whole"),
        (["--protocol", "sliding"], "the crop of the sliding-window test is 473 x 473"),
        (["--protocol", "sliding", "--scales", "0"], "they must be numbers above 0"),
        (["--device", "abacus"], "device 'abacus' can't be had"),
    ],
)
def test_what_does_not_fit_is_one_sentence(words, sentence, run, rooms, capsys):
    assert main(["evaluate", str(run), str(rooms), *words]) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


def test_a_bundle_is_tested_by_its_pytorch_weights(bundle_path, rooms, capsys):
    words = ["evaluate", str(bundle_path), str(rooms), "--protocol", "whole", "--size", "64", "96"]
    assert main(words) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["model"] == "rooms-lite0-scannet20 by torch in fp32"
    assert metrics["frames"] == 2
