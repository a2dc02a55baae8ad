# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Mean and deviation of a trained network's 2D features."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")
pytest.importorskip("open3d")  # the command line also offers rendering

from seg3d2d_ros.resizing import resize_to_network  # noqa: E402
from training.__main__ import main  # noqa: E402
from training.distillation.distillation_config import DistillationConfig  # noqa: E402
from training.distillation.statistics_2d import statistics_2d  # noqa: E402
from training.engine.experiment import experiment_from_mapping  # noqa: E402
from training.engine.settings import ExperimentError  # noqa: E402
from training.engine.trainer import Trainer  # noqa: E402
from training.finished_run import load_run  # noqa: E402


def test_they_are_those_of_all_values(experiment, tmp_path):
    run = Trainer(experiment_from_mapping(experiment), tmp_path / "run", show_progress=False)
    run.run()
    out = tmp_path / "statistics.json"
    words = ["statistics-2d", str(tmp_path / "run"), "--out", str(out), "--frames", "100"]
    assert main(words) == 0
    content = json.loads(out.read_text())
    mean, std = content["mean"], content["std"]
    loaded = load_run(tmp_path / "run")
    values = []
    for index in range(len(run.train_frames)):
        image = resize_to_network(run.train_frames.load(index)[0], loaded.spec)
        with torch.no_grad():
            values.append(loaded.graph.outputs(torch.from_numpy(image)[None]).features_2d)
    together = torch.cat([each.flatten() for each in values]).double()
    assert mean == pytest.approx(float(together.mean()), rel=1e-5)
    assert std == pytest.approx(float(together.std(correction=0)), rel=1e-5)
    assert statistics_2d(DistillationConfig(statistics_2d_of=str(out))) == (mean, std)
    assert content["frames"] == 6
    assert content["run_folder"] == str(tmp_path / "run")
    assert content["commands"][1:] == [f"python -m training {' '.join(words)}"]


def test_without_a_file_they_are_running():
    assert statistics_2d(DistillationConfig()) is None
    assert statistics_2d(DistillationConfig(statistics_2d=(0.1, 0.2))) == (0.1, 0.2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "holds no statistics of 2D features"),
        ("nothing", "holds no statistics of 2D features"),
        ('{"format": "seg3d2d 2D statistics 1", "mean": 0.1, "std": 0}', "deviation above 0"),
    ],
)
def test_unusable_files_are_named(tmp_path, content, message):
    path = tmp_path / "s.json"
    path.write_text(content)
    with pytest.raises(ExperimentError, match=message):
        statistics_2d(DistillationConfig(statistics_2d_of=str(path)))
