# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Runs of two processes: one network, by the steps of the joined batch."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

PROGRAM = """
import sys, torch, yaml
from pathlib import Path
from training.distillation.distillation_trainer import DistillationTrainer
from training.engine.experiment import experiment_from_mapping
from training.points.scenes import LabelledScenes
folder, read, load = Path(sys.argv[1]), [], LabelledScenes.load
LabelledScenes.load = lambda self, index: read.append(index) or load(self, index)
mapping = yaml.safe_load((folder / "experiment.yaml").read_text())
run = DistillationTrainer(experiment_from_mapping(mapping), folder / "run", show_progress=False)
run.run()
state = {**run.network.state_dict(), **run.adversary.loss.state_dict()}
torch.save((state, run._watched(), read), folder / f"state{run.workers.rank}.pt")
run.workers.part()
"""


def test_two_processes_train_one_network(distilled, paired_rooms, tmp_path, torchrun):
    distilled["distillation"]["unpaired"] = {
        "scans": [str(paired_rooms.root)],
        "features": [str(paired_rooms.features)],
    }
    distilled["training"]["steps"] = 2
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(distilled))
    (tmp_path / "program.py").write_text(PROGRAM)
    done = torchrun(str(tmp_path / "program.py"), str(tmp_path))
    assert done.returncode == 0, done.stderr
    (one, seen, read), (other, also, none) = (torch.load(tmp_path / f"state{k}.pt") for k in (0, 1))
    # all that is trained, and what dimension norms have seen, is the same in both
    own = ("running_mean", "running_var", "num_batches_tracked")
    for name, value in one.items():
        if "norm" in name or not name.endswith(own):
            assert torch.equal(value, other[name]), name
    assert seen == also and seen["distillation/frames_left_out"] == 0
    # only the leading one reads the scenes of the pool
    assert len(read) == 2 and none == []
    assert (tmp_path / "run" / "feature_pool_0.npz").is_file()


ONE_STEP = """
import sys, torch, yaml
from pathlib import Path
from training.engine.experiment import experiment_from_mapping
from training.kinds_of_training import trainer_of
folder, batch = Path(sys.argv[1]), int(sys.argv[2])
mapping = yaml.safe_load((folder / "experiment.yaml").read_text())
mapping["training"]["batch"] = batch
experiment = experiment_from_mapping(mapping)
run = trainer_of(experiment)(experiment, folder / f"run{batch}", show_progress=False)
run.graph.compute_in(torch.float64)
run.averaged.update = lambda *args: None
for module in run.network.modules():
    if isinstance(module, torch.nn.BatchNorm2d):  # of which each process has its own
        module.eval()
        module.train = lambda mode, module=module: module
images, labels, *targets = run.batches.at(0)
if not run.workers.rank:
    labels[0, 8:] = 255  # processes have unlike many labelled pixels
run._train_step(images, labels, *targets)
gradients = {name: p.grad for name, p in run.network.named_parameters()}
torch.save(gradients, folder / f"gradients{batch}.pt")
run.workers.part()
"""


@pytest.mark.parametrize("kind", ["distillation", "labels alone"])
def test_two_processes_take_the_step_of_the_joined_batch(
    distilled, repository, tmp_path, torchrun, kind
):
    """The method and its baseline alike."""
    distilled["training"] |= {"clip": 1e9}
    distilled["network"]["config"] |= {"dropout": 0.0}
    if kind == "labels alone":
        distilled["distillation"] = {}
        del distilled["network"]["config"]["branch"]
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(distilled))
    (tmp_path / "program.py").write_text(ONE_STEP)
    done = torchrun(str(tmp_path / "program.py"), str(tmp_path), "2")
    assert done.returncode == 0, done.stderr
    command = [sys.executable, str(tmp_path / "program.py"), str(tmp_path), "4"]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    subprocess.run(command, env=environment, check=True)
    two, one = (torch.load(tmp_path / f"gradients{batch}.pt") for batch in (2, 4))
    for name, gradient in one.items():
        torch.testing.assert_close(two[name], gradient, rtol=1e-4, atol=1e-9, msg=name)


TWO_FOLDERS = """
import shutil, sys, yaml
from pathlib import Path
from training.engine.experiment import experiment_from_mapping
from training.engine.settings import ExperimentError
from training.kinds_of_training import trainer_of
folder = Path(sys.argv[1])
experiment = experiment_from_mapping(yaml.safe_load((folder / "experiment.yaml").read_text()))
run = trainer_of(experiment)(experiment, folder / "run", show_progress=False)
run.run(until=2)
if run.workers.leads:
    shutil.copytree(folder / "run", folder / "run0")
run.workers.wait()
try:
    trainer_of(experiment)(experiment, folder / f"run{run.workers.rank}", show_progress=False)
except ExperimentError as error:
    (folder / f"error{run.workers.rank}").write_text(str(error))
run.workers.part()
"""


def test_processes_that_see_other_folders_all_end_with_a_sentence(distilled, tmp_path, torchrun):
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(distilled))
    (tmp_path / "program.py").write_text(TWO_FOLDERS)
    done = torchrun(str(tmp_path / "program.py"), str(tmp_path))
    assert done.returncode == 0, done.stderr
    for rank, step in ((0, 2), (1, 0)):
        error = (tmp_path / f"error{rank}").read_text()
        assert f"begin at step {step} in" in error and "must see the same run folder" in error
