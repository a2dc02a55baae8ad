# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Ends of runs and what they find in their folders, on a network of one layer."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_accumulator import (  # noqa: E402
    EventAccumulator,
)

from training.engine.checkpoint import CheckpointError, load_checkpoint  # noqa: E402
from training.engine.experiment import TrainingConfig  # noqa: E402
from training.engine.optimisation import new_optimiser, parameter_groups  # noqa: E402
from training.engine.settings import ExperimentError  # noqa: E402
from training.engine.training_run import TrainingRun  # noqa: E402


class Line(TrainingRun):
    """A line through points, fitted by least squares."""

    def __init__(self, folder, **settings):
        config = TrainingConfig(
            **{"steps": 4, "precision": "fp32", "checkpoint_every": 1, "log_every": 1, **settings}
        )
        super().__init__(config, folder, "cpu", show_progress=False)
        self.steps = config.steps
        self.scale = 1.0
        self.measured = 0
        torch.manual_seed(0)
        network = torch.nn.Linear(1, 1)
        self._start(network, new_optimiser(parameter_groups(network, config), config))

    def _batches(self, first, last):
        return ((torch.tensor([[1.0], [float(step)]]),) for step in range(first, last))

    def _train_step(self, x):
        self._begin_step()
        return self._descend([self.scale * (self.network(x) - 2 * x).square().mean()])

    def _schedule_factor(self):
        return 1.0

    def _report(self, writer):
        raise AssertionError

    def _final_metrics(self):
        self.measured += 1
        return {"miou": 50.0}


def files(folder):
    """Content of all files of a run but the log of TensorBoard."""
    paths = [folder / "metrics.json", *(folder / "checkpoints").iterdir()]
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


@pytest.mark.parametrize("settings", [{}, {"steps": 10_000, "max_minutes": 1e-9}])
def test_a_finished_run_is_left_as_it_is(tmp_path, settings):
    metrics = Line(tmp_path, **settings).run()
    before = files(tmp_path)
    again = Line(tmp_path, **settings)
    assert again.run() == metrics
    assert again.measured == 0 and files(tmp_path) == before


def test_a_run_that_was_ended_before_its_measurement_is_measured_only(tmp_path):
    metrics = Line(tmp_path, steps=10_000, max_minutes=1e-9).run()
    checkpoints = list((tmp_path / "checkpoints").iterdir())
    for content in (None, "{", json.dumps(metrics | {"steps": 0})):
        (tmp_path / "metrics.json").unlink()
        if content is not None:
            (tmp_path / "metrics.json").write_text(content)
        again = Line(tmp_path, steps=10_000, max_minutes=1e-9)
        assert again.run() == metrics and again.measured == 1
        assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
        assert list((tmp_path / "checkpoints").iterdir()) == checkpoints


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), 1e38])
def test_a_run_that_diverges_ends_and_keeps_its_checkpoints(tmp_path, scale):
    Line(tmp_path).run(until=2)
    before = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    run = Line(tmp_path)
    run.scale = scale  # 1e38: the loss is a number, but not the norm of its gradient
    with pytest.raises(ExperimentError, match="diverged after step 2: the loss or its gradient"):
        run.run()
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == before
    assert torch.isfinite(run.network.weight).all()


def test_weights_that_are_no_numbers_are_not_saved(tmp_path):
    run = Line(tmp_path, optimiser="sgd", learning_rate=3e38, warmup=0, clip=float("inf"))
    run.scale = 100.0
    with pytest.raises(ExperimentError, match="diverged after step 1: weight has values that are"):
        run.run()
    assert not (tmp_path / "checkpoints").exists()


def test_the_number_of_processes_is_the_runs(tmp_path):
    Line(tmp_path).run(until=2)
    path = tmp_path / "checkpoints" / "step_0000002.pt"
    state = load_checkpoint(path)
    assert state["processes"] == 1
    torch.save(state | {"processes": 2}, path)
    with pytest.raises(ExperimentError, match="run of 2 processes and this is one of 1"):
        Line(tmp_path)


def test_a_checkpoint_from_before_processes_were_counted_goes_on(tmp_path):
    whole = Line(tmp_path / "whole")
    whole.run()
    Line(tmp_path / "run").run(until=2)
    path = tmp_path / "run" / "checkpoints" / "step_0000002.pt"
    state = load_checkpoint(path)
    del state["processes"]
    torch.save(state, path)
    resumed = Line(tmp_path / "run")
    resumed.run()
    assert torch.equal(resumed.network.weight, whole.network.weight)


@pytest.mark.parametrize(
    "change",
    [
        {"averaged": 3},
        {"averaged": {}},
        {"averaged": {"weight": "x", "bias": "y"}},
        {"minutes": "x"},
    ],
)
def test_a_checkpoint_of_other_things_is_named(tmp_path, change):
    Line(tmp_path).run(until=1)
    path = tmp_path / "checkpoints" / "step_0000001.pt"
    torch.save(load_checkpoint(path) | change, path)
    with pytest.raises(CheckpointError, match="is a checkpoint of another experiment"):
        Line(tmp_path)


def test_what_was_logged_after_the_checkpoint_is_not_shown_twice(tmp_path):
    Line(tmp_path, checkpoint_every=100).run(until=2)
    lost = Line(tmp_path, checkpoint_every=100)
    lost._save = lambda: None  # as if the machine had stopped
    lost.run(until=4)
    Line(tmp_path, checkpoint_every=100).run()
    log = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in log.Scalars("train/loss")] == [1, 2, 3, 4]
