# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from training.engine.checkpoint import CheckpointError
from training.engine.experiment import experiment_from_mapping
from training.engine.trainer import Trainer
from training.evaluation_run import evaluate_model


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
