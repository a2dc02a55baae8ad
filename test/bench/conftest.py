# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks run as users run them, as processes, only for a shorter time."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

COMMON = {
    "name",
    "measured",
    "machine",
    "time",
    "duration_s",
    "settings",
    "rows",
    "notes",
    "bounds",
}
MACHINE = {"processor", "cores", "memory_gb", "system", "kernel", "python", "versions", "commit"}


@pytest.fixture
def run_benchmark(repository, tmp_path):
    """Function that runs a benchmark and returns its result, the common part checked."""

    def run(name: str, *arguments) -> dict:
        out = tmp_path / "results" / f"{name}.json"
        search_path = [str(repository), os.environ.get("PYTHONPATH", "")]
        done = subprocess.run(
            [sys.executable, "-m", f"bench.{name}", *map(str, arguments), "--out", str(out)],
            cwd=repository,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in search_path if p)},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert out.exists(), done.stdout + done.stderr
        assert [file.name for file in out.parent.iterdir()] == [out.name]
        result = json.loads(out.read_text())
        assert set(result) == COMMON
        assert result["name"] == name and result["rows"]
        assert set(result["machine"]) >= MACHINE
        assert len(result["machine"]["commit"]) == 40 and "numpy" in result["machine"]["versions"]
        # short runs on a busy machine may miss figures, but never without saying so
        assert done.returncode == (0 if all(b["holds"] for b in result["bounds"]) else 1)
        for bound in result["bounds"]:
            assert f"{bound['what']}: {bound['measured']}" in done.stdout
        return result

    return run


@pytest.fixture
def holding():
    """Function that says which of a result's bounds whose names begin so hold."""

    def find(result: dict, beginning: str) -> list[bool]:
        return [b["holds"] for b in result["bounds"] if b["what"].startswith(beginning)]

    return find
