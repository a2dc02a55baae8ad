# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Two processes that train a 3D network together."""

from __future__ import annotations

import json

import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from training.engine.checkpoint import load_checkpoint, newest_checkpoint  # noqa: E402

GRADIENTS = """
import sys
from pathlib import Path
import torch
from training.points.experiment import load_point_experiment
from training.engine.loss_sums import segmentation_sum, weight_of
from training.points.trainer import PointTrainer
run = PointTrainer(load_point_experiment(sys.argv[1]), Path(sys.argv[2]), show_progress=False)
assert run.workers.count == 2
network, batches = run.network, run.batches
network.eval()
network.train = lambda mode=True: network  # batch norm stays as in evaluation
samples = [batches._draw(sample) for sample in range(4)]
joined = run.sampling.batch(samples)
mine, = batches.at(0)
assert 0 < len(mine.labels) < len(joined.labels)
total = float(weight_of(joined.labels, -1, run.weights))
logits = network(*joined.inputs).logits
(segmentation_sum(logits, joined.labels, -1, run.weights).total / total).backward()
expected = [parameter.grad.clone() for parameter in network.parameters()]
run._train_step(mine)
for parameter, gradient in zip(network.parameters(), expected, strict=True):
    tolerance = 1e-5 * float(gradient.abs().max())
    torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=tolerance)

whole = PointTrainer(run.experiment, Path(sys.argv[3]), show_progress=False)
metrics = whole.run()
assert (metrics is not None) == whole.workers.leads and whole.step == 2
"""


@pytest.fixture
def experiment_file(point_experiment, tmp_path):
    point_experiment["training"] |= {"steps": 2, "evaluate_every": 0, "class_balance": 0.5}
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(point_experiment))
    return path


def test_gradients_of_two_processes_are_those_of_the_joined_batch_and_make_one_run(
    torchrun, experiment_file, tmp_path
):
    script = tmp_path / "gradients.py"
    script.write_text(GRADIENTS)
    folder = tmp_path / "whole"
    done = torchrun(str(script), str(experiment_file), str(tmp_path / "run"), str(folder))
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "metrics.json").read_text())["steps"] == 2
    assert load_checkpoint(newest_checkpoint(folder / "checkpoints"))["step"] == 2
