# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Run folders: whose run they hold."""

from __future__ import annotations

import pytest

from training.engine.experiment import experiment_from_mapping
from training.engine.run_folder import (
    check_folder,
    claim_folder,
    recorded_settings,
    release_folder,
)
from training.engine.settings import ExperimentError
from training.provenance import record_own_command


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[", "is damaged; restore it"),
        (b"\xff\xfe", "is damaged; restore it"),
        (b"", "the experiment must be a mapping, not None"),
        (b"name: x", "setting 'label_space' is missing"),
    ],
)
def test_damaged_settings_are_named_with_their_file(experiment, tmp_path, content, complaint):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ExperimentError, match=rf"^{path}.* {complaint}"):
        check_folder(tmp_path, experiment_from_mapping(experiment), experiment_from_mapping)


def test_a_run_goes_on_with_another_number_of_loaders(experiment, tmp_path):
    claim_folder(tmp_path, experiment_from_mapping(experiment))
    content = (tmp_path / "config.yaml").read_bytes()
    experiment["training"]["loaders"] = 8
    other = experiment_from_mapping(experiment)
    check_folder(tmp_path, other, experiment_from_mapping)
    claim_folder(tmp_path, other)
    assert (tmp_path / "config.yaml").read_bytes() == content
    assert other.training.loaders == 8
    experiment["training"]["batch"] = 3
    with pytest.raises(ExperimentError, match=r"other settings \(training.batch\)"):
        check_folder(tmp_path, experiment_from_mapping(experiment), experiment_from_mapping)


def test_a_claimed_folder_holds_the_settings_and_what_it_builds_on(experiment, tmp_path):
    wanted = experiment_from_mapping(experiment)
    claim_folder(tmp_path / "run", wanted)
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["config.yaml", "origins.yaml"]
    found = recorded_settings(tmp_path / "run" / "config.yaml", experiment_from_mapping)
    assert found == wanted


def test_a_folder_is_released_until_it_has_a_checkpoint(experiment, tmp_path):
    folder = tmp_path / "run"
    wanted = experiment_from_mapping(experiment)
    claim_folder(folder, wanted)
    record_own_command(folder, ["train", "a.yaml"])
    release_folder(folder)
    assert not list(folder.iterdir())
    claim_folder(folder, wanted)
    experiment["training"]["seed"] = 77
    other = experiment_from_mapping(experiment)
    with pytest.raises(ExperimentError, match=r"\(training.seed\).*or remove it: it has no check"):
        check_folder(folder, other, experiment_from_mapping)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "step_0000001.pt").touch()
    release_folder(folder)
    with pytest.raises(ExperimentError, match="another folder with --out$"):
        check_folder(folder, other, experiment_from_mapping)
