# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Provenance: the commit says when it is not all, and a command can be typed again."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from training import provenance
from training.provenance import (
    command_recorded,
    git_commit,
    record_own_command,
    recorded_commands,
    training_command,
)

WORDS = ["train", "config/experiments/a.yaml", "--set", "name=two words"]


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


def test_a_command_can_be_typed_again():
    command = training_command(WORDS, {})
    assert shlex.split(command) == ["python", "-m", "training", *WORDS]


def test_torchrun_is_part_of_the_command():
    environment = {"TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "2", "GROUP_WORLD_SIZE": "1"}
    one_machine = "torchrun --standalone --nproc-per-node 2 -m training train a.yaml"
    assert training_command(["train", "a.yaml"], environment) == one_machine
    several = training_command(["train", "a.yaml"], environment | {"GROUP_WORLD_SIZE": "3"})
    assert several == "torchrun --nnodes 3 --nproc-per-node 2 -m training train a.yaml"


def test_commands_are_recorded_in_order_and_a_resumed_one_once(tmp_path, monkeypatch):
    assert recorded_commands(tmp_path) == []
    monkeypatch.setattr(provenance, "git_commit", lambda folder: "0123")
    for words in (["a"], ["a"], ["b", "c d"]):
        record_own_command(tmp_path, words)
    monkeypatch.setattr(provenance, "git_commit", lambda folder: "4567-dirty")
    record_own_command(tmp_path, ["b", "c d"])
    first, second = "python -m training a", "python -m training b 'c d'"
    before, after = "# commit 0123", "# commit 4567-dirty"
    assert recorded_commands(tmp_path) == [before, first, before, second, after, second]
    assert [path.name for path in tmp_path.iterdir()] == ["commands.txt"]


def test_a_command_is_recorded_when_it_has_ended_with_the_commit_of_its_beginning(
    tmp_path, monkeypatch
):
    commits = iter(["1", "2", "3", "4"])
    monkeypatch.setattr(provenance, "git_commit", lambda folder: next(commits))
    folder = tmp_path / "out"
    folder.mkdir()
    for ending in (KeyboardInterrupt, ValueError):  # it may be another's folder
        with pytest.raises(ending), command_recorded(folder, ["a"]):
            raise ending
    assert not list(folder.iterdir())
    for _ in range(2):  # the second has nothing to do
        with command_recorded(folder, ["a"]):
            pass
    assert recorded_commands(folder) == ["# commit 3", "python -m training a"]
