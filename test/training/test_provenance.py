# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Provenance: the commit says when it is not all, and every run on the way is named."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from training.engine.run_folder import record_command
from training.engine.settings import ExperimentError
from training.provenance import git_commit, training_history


@pytest.fixture
def checkout(tmp_path):
    """A repository with a committed file of code, and its commit."""
    folder = tmp_path / "checkout"
    for name in ("training", "models", "docs"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text("committed\n")

    def git(*words):
        identity = ["-c", "user.name=A", "-c", "user.email=a@b"]
        return subprocess.run(
            ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    return folder, git("rev-parse", "HEAD")


def test_a_clean_checkout_is_its_commit(checkout):
    folder, commit = checkout
    assert git_commit(folder / "training") == commit
    # what users keep beside the code, and what exports write, is not the code
    (folder / "notes").write_text("untracked\n")
    (folder / "models" / "file").write_text("exported again\n")
    (folder / "models" / "mine").write_text("untracked\n")
    assert git_commit(folder / "training") == commit


@pytest.mark.parametrize("change", ["training/file", "docs/file", "training/added.py"])
def test_a_changed_checkout_is_dirty(checkout, change):
    folder, commit = checkout
    (folder / change).write_text("not committed\n")
    assert git_commit(folder / "training") == f"{commit}-dirty"


def test_staged_and_removed_files_are_changes(checkout):
    folder, commit = checkout
    (folder / "training" / "file").unlink()
    assert git_commit(folder) == f"{commit}-dirty"


def test_no_checkout_and_no_git_are_unknown(checkout, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert git_commit(tmp_path / "elsewhere") == "unknown"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit(checkout[0]) == "unknown"


def run_folder(path, name, start_from=""):
    path.mkdir()
    settings = {"name": name, "network": {"start_from": str(start_from)}}
    (path / "config.yaml").write_text(yaml.safe_dump(settings))
    return path


def test_history_begins_with_the_run_that_began_it(tmp_path):
    first = run_folder(tmp_path / "first", "small_crops")
    second = run_folder(tmp_path / "second", "large_crops", first)
    command = "python -m training train small_crops.yaml"
    record_command(first, command, "0123")
    assert training_history(second) == [
        {"run": "first", "experiment": "small_crops", "commands": ["# commit 0123", command]},
        {"run": "second", "experiment": "large_crops", "commands": []},
    ]


def test_the_run_of_a_cascades_depth_network_comes_before_it(tmp_path):
    depth = run_folder(tmp_path / "depth", "depths")
    cascade = run_folder(tmp_path / "cascade", "cascade")
    settings = {"name": "cascade", "network": {"name": "depth_cascade", "depth_run": str(depth)}}
    (cascade / "config.yaml").write_text(yaml.safe_dump(settings))
    assert [part["experiment"] for part in training_history(cascade)] == ["depths", "cascade"]


def test_history_goes_on_to_folders_that_are_gone_and_not_in_circles(tmp_path):
    run = run_folder(tmp_path / "run", "late", tmp_path / "gone")
    assert [part["experiment"] for part in training_history(run)] == ["gone", "late"]
    circle = run_folder(tmp_path / "circle", "itself", tmp_path / "circle")
    assert [part["experiment"] for part in training_history(circle)] == ["itself"]


@pytest.mark.parametrize("content", ["", "a: [", "[1]"])
def test_a_damaged_ancestor_is_one_sentence(tmp_path, content):
    first = run_folder(tmp_path / "first", "small_crops")
    (first / "config.yaml").write_text(content)
    second = run_folder(tmp_path / "second", "large_crops", first)
    with pytest.raises(ExperimentError, match=r"^\S*first/config.yaml is damaged; [^\n]+$"):
        training_history(second)
