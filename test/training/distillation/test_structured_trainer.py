# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Runs of structured distillation with a 3D teacher."""

from __future__ import annotations

import shutil

import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from training.distillation.structured_trainer import (  # noqa: E402
    StructuredDistillationTrainer,
)
from training.engine.experiment import experiment_from_mapping  # noqa: E402
from training.engine.settings import ExperimentError  # noqa: E402
from training.kinds_of_training import trainer_of  # noqa: E402


@pytest.fixture
def experiment(experiment, paired_rooms):
    experiment["distillation"] = {
        "features": [str(paired_rooms.features)],
        "structured": {"pixel_wise": 10.0, "pair_wise": 1.0, "holistic": 0.1, "patch": 4},
    }
    return experiment


def trainer(mapping, folder):
    experiment = experiment_from_mapping(mapping)
    assert trainer_of(experiment) is StructuredDistillationTrainer
    return StructuredDistillationTrainer(experiment, folder, show_progress=False)


def test_a_resumed_run_equals_an_uninterrupted_one(experiment, tmp_path):
    whole = trainer(experiment, tmp_path / "whole")
    metrics = whole.run()
    assert trainer(experiment, tmp_path / "parts").run(until=3) is None
    resumed = trainer(experiment, tmp_path / "parts")
    assert resumed.run()["miou"] == metrics["miou"]
    for ours, theirs in ((resumed.network, whole.network), (resumed.critic, whole.critic)):
        for name, value in ours.state_dict().items():
            assert torch.equal(value, theirs.state_dict()[name]), name


def test_counts_are_those_of_the_sums(experiment, tmp_path):
    """The divisors, known before the network has run, are what the sums are over."""
    run = trainer(experiment, tmp_path / "run")
    images, labels, features, covered = run.batches.at(0)
    covered[0] = False
    counts = run._counts(labels, features, covered)
    outputs = run.graph.outputs(images)
    for name, (found, _) in run._terms(outputs, labels, features, covered).items():
        assert counts[name] == float(found.count), name


def test_a_teacher_of_other_classes_is_refused(experiment, paired_rooms, tmp_path):
    folder = tmp_path / "features"
    shutil.copytree(paired_rooms.features, folder)
    space = yaml.safe_load((folder / "label_space.yaml").read_text())
    text = yaml.safe_dump(space).replace("name: wall", "name: partition")
    (folder / "label_space.yaml").write_text(text)
    experiment["distillation"]["features"] = [str(folder)]
    with pytest.raises(ExperimentError, match="does not know the class 'wall'"):
        trainer(experiment, tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": []}, "structured needs features of paired scans"),
        ({"structured": {"pixel_wise": -1.0}}, "structured.pixel_wise is -1.0, must be at least 0"),
        ({"structured": {"pixel_wise": 1.0, "patch": 0}}, "structured.patch is 0, must be above 0"),
    ],
)
def test_what_does_not_fit_is_named(experiment, tmp_path, changes, message):
    experiment["distillation"] |= changes
    with pytest.raises(ExperimentError, match=message):
        trainer(experiment, tmp_path / "run")
