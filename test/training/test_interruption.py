# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Work that is killed at any moment goes on to the same result.

SEG3D2D_TEST_KILLS says how often (3).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from training.engine.checkpoint import load_checkpoint, newest_checkpoint  # noqa: E402

KILLS = int(os.environ.get("SEG3D2D_TEST_KILLS", "3"))


def start(repository, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "training", *map(str, arguments)],
        cwd=repository,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(repository, *arguments):
    process = start(repository, *arguments)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


def kill_again_and_again(repository, seconds, *arguments):
    """Kill the same command at moments spread over its whole time."""
    chance = random.Random(0)
    for _ in range(KILLS):
        process = start(repository, *arguments)
        time.sleep(chance.uniform(0.3, 1.1) * seconds)
        process.kill()
        process.communicate()


def test_training(experiment, repository, tmp_path):
    experiment["training"] |= {"steps": 12, "checkpoint_every": 1, "evaluate_every": 0}
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(experiment))
    began = time.monotonic()
    finish(repository, "train", path, "--out", tmp_path / "whole")
    seconds = time.monotonic() - began
    arguments = ("train", path, "--out", tmp_path / "parts")
    kill_again_and_again(repository, seconds, *arguments)
    finish(repository, *arguments)
    whole, parts = (
        load_checkpoint(newest_checkpoint(tmp_path / run / "checkpoints"))
        for run in ("whole", "parts")
    )
    assert parts["step"] == whole["step"] == 12
    for part in ("network", "averaged"):
        for name, value in whole[part].items():
            assert torch.equal(parts[part][name], value), name


def test_rooms(repository, tmp_path):
    pytest.importorskip("open3d")
    from training.rendering.furniture import DEFAULT_FOLDER, is_fetched

    if not is_fetched(DEFAULT_FOLDER):
        pytest.skip("the furniture is not in the cache; `python -m training rooms` fetches it")
    arguments = ["rooms", "--rooms", "3", "--frames-per-room", "2", "--val-frames-per-room", "2"]
    arguments += ["--size", "64x48", "--kind", "bathroom", "--out"]
    began = time.monotonic()
    finish(repository, *arguments, tmp_path / "whole")
    kill_again_and_again(repository, time.monotonic() - began, *arguments, tmp_path / "parts")
    finish(repository, *arguments, tmp_path / "parts")

    def files(folder):
        """All but the command line, which names the folder."""
        return {
            p.relative_to(folder): p.read_bytes()
            for p in folder.rglob("*")
            if p.is_file() and p.name != "commands.txt"
        }

    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    hidden = [p for p in (tmp_path / "parts").rglob(".*")]
    assert hidden == []
