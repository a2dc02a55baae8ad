# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Two processes that train together."""

from __future__ import annotations

import json
import shlex

import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from training.engine.checkpoint import load_checkpoint, newest_checkpoint  # noqa: E402
from training.engine.settings import ExperimentError  # noqa: E402
from training.engine.workers import own_device  # noqa: E402
from training.provenance import recorded_commands  # noqa: E402

GRADIENTS = """
import json, sys, torch
from training.engine.workers import Workers
workers = Workers("cpu")
torch.set_default_dtype(torch.float64)  # as terms of either sign may cancel out
network = torch.nn.Linear(3, 2)
workers.same_start(network.state_dict().values())
data = torch.arange(24.0).reshape(8, 3)
part = data[4 * workers.rank : 4 * workers.rank + 4]
network(part).square().mean().backward()
workers.average_gradients(network.parameters())
mine = network.weight.grad.clone()
network.zero_grad()
network(data).square().mean().backward()
torch.testing.assert_close(mine, network.weight.grad)
assert workers.agree(float(workers.rank + 5)) == 5.0
workers.wait()
workers.part()
assert not torch.distributed.is_initialized()
"""


def test_averaged_gradients_are_those_of_the_joint_batch(torchrun, tmp_path):
    script = tmp_path / "gradients.py"
    script.write_text(GRADIENTS)
    done = torchrun(str(script))
    assert done.returncode == 0, done.stderr


def test_two_processes_make_one_run(torchrun, experiment, tmp_path, capsys):
    pytest.importorskip("open3d")  # the command line also offers rendering
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(experiment))
    folder = tmp_path / "run"
    done = torchrun("-m", "training", "train", str(path), "--out", str(folder))
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "metrics.json").read_text())["steps"] == 4
    assert load_checkpoint(newest_checkpoint(folder / "checkpoints"))["step"] == 4
    commit, *commands = recorded_commands(folder)
    assert commit.startswith("# commit ")
    assert commands == [
        "torchrun --standalone --nproc-per-node 2 -m training train "
        + shlex.join([str(path), "--out", str(folder)])
    ]
    # one alone would go on with other batches
    from training.__main__ import main

    assert main(["train", str(path), "--out", str(folder)]) == 1
    assert "holds a run of 2 processes and this is one of 1" in capsys.readouterr().err


def test_each_process_has_a_gpu_of_its_own():
    several = {"WORLD_SIZE": "4", "RANK": "3", "LOCAL_RANK": "1"}
    assert own_device("cuda", several) == "cuda:1"
    assert own_device("cpu", several) == "cpu"
    assert own_device("cuda", {}) == "cuda" and own_device("cuda:1", {}) == "cuda:1"
    with pytest.raises(ExperimentError, match="cuda:1 is one GPU for 4 processes"):
        own_device("cuda:1", several)
