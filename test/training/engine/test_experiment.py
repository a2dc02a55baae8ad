# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Experiment files: everything shipped loads, every mistake is named."""

from __future__ import annotations

import re

import pytest
import yaml

from training.engine.experiment import (
    experiment_from_mapping,
    load_experiment,
)
from training.engine.settings import ExperimentError, read_settings


def test_shipped_experiments_load(repository):
    files = sorted((repository / "config" / "experiments").glob("*.yaml"))
    assert files
    for file in files:
        loaded = load_experiment(file)
        assert loaded.name == file.stem
        assert (repository / loaded.label_space).is_file()


def test_round_trip(experiment):
    loaded = experiment_from_mapping(experiment)
    written = yaml.safe_load(yaml.safe_dump(loaded.to_mapping()))
    assert experiment_from_mapping(written) == loaded


def test_overrides(experiment, tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text(yaml.safe_dump(experiment))
    loaded = load_experiment(
        path, ["training.steps=7", "augmentation.scale=[1, 1.5]", "network.config.width=24"]
    )
    assert loaded.training.steps == 7
    assert loaded.augmentation.scale == (1.0, 1.5)
    assert loaded.network.config == {"width": 24}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.stepz=7", "training has no setting 'stepz'; it has max_minutes"),
        ("training.steps=many", "training.steps is 'many', must be of type int"),
        ("training.steps=true", "training.steps is True, must be of type int"),
        ("training.steps=0", "training.steps is 0, must be above 0"),
        ("training.crop=[64]", r"training.crop is \[64\], must be a list of 2"),
        ("training.precision=fp8", "training.precision is 'fp8', must be one of fp32, bf16, fp16"),
        ("training.encoder_rate=-1", "training.encoder_rate is -1.0, must be at least 0"),
        ("training.loaders=0", "training.loaders is 0, must be above 0"),
        ("training.loaders=2000", "training.loaders is 2000, must be at most 1024"),
        ("training=3", "training must be a mapping, not 3"),
        ("name.first=a", "'name' is a value, not a section"),
        ("steps", "'steps' is no override"),
    ],
)
def test_mistakes_are_named(experiment, tmp_path, override, message):
    path = tmp_path / "e.yaml"
    path.write_text(yaml.safe_dump(experiment))
    with pytest.raises(ExperimentError, match=message):
        load_experiment(path, [override])


def test_what_is_missing_is_named(experiment, tmp_path):
    del experiment["data"]["root"]
    with pytest.raises(ExperimentError, match=r"setting 'data\.root' is missing"):
        experiment_from_mapping(experiment)
    with pytest.raises(ExperimentError, match="cannot read experiment .*none.yaml: No such file"):
        load_experiment(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("a: 1\nb: [1\nc: 2\n")
    with pytest.raises(ExperimentError, match="^cannot read experiment .* in line 3$"):
        load_experiment(tmp_path / "broken.yaml")


@pytest.mark.parametrize(("text", "number"), [("1e-2", "1.0e-2"), ("25e3", "2.5e+4")])
def test_numbers_that_yaml_takes_for_text_are_written_out(experiment, tmp_path, text, number):
    path = tmp_path / "e.yaml"
    path.write_text(yaml.safe_dump(experiment))
    with pytest.raises(ExperimentError, match=f"reads that as text, write {re.escape(number)}$"):
        load_experiment(path, [f"training.learning_rate={text}"])
    run = load_experiment(path, [f"training.learning_rate={number}"])
    assert run.training.learning_rate == float(text)


def test_a_file_extends_another(tmp_path):
    (tmp_path / "base.yaml").write_text("a: {x: 1, y: 2}\nb: [1, 2]\nname: base\n")
    (tmp_path / "middle.yaml").write_text("extends: base.yaml\na: {y: 3}\n")
    (tmp_path / "top.yaml").write_text("extends: middle.yaml\nb: [5]\nname: top\n")
    mapping = read_settings(tmp_path / "top.yaml", ["a.x=7"])
    assert mapping == {"a": {"x": 7, "y": 3}, "b": [5], "name": "top"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: e.yaml", "e.yaml extends itself"),
        ("extends: nowhere.yaml", "cannot read experiment .*nowhere.yaml"),
        ("extends: [a, b]", "must name one file"),
    ],
)
def test_a_file_that_can_not_extend_another_is_named(tmp_path, text, message):
    (tmp_path / "e.yaml").write_text(text)
    with pytest.raises(ExperimentError, match=message):
        read_settings(tmp_path / "e.yaml")
