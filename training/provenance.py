# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where a model comes from: the commit of the code, and the commands that trained it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from training.engine.run_credits import earlier_run
from training.engine.run_folder import recorded_commands
from training.engine.settings import ExperimentError

_CODE = (":(top)training", ":(top)seg3d2d_ros", ":(top)config")


def git_commit(folder: Path) -> str:
    """Commit of the checkout that holds a folder, ``unknown`` outside of one or without git.

    It ends in ``-dirty`` where the checkout is not that commit: a tracked file differs, or there is
    a file in ``training``, ``seg3d2d_ros`` or ``config`` that git neither tracks nor ignores.
    Models do not count, which are what exports write.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return "unknown"
    status = ("status", "--porcelain")
    changed = _git(folder, *status, "--untracked-files=no", "--", ":(top)", ":(top,exclude)models")
    added = _git(folder, *status, "--untracked-files=all", "--", *_CODE)
    return commit if changed == added == "" else f"{commit}-dirty"


def _git(folder: Path, *words: str) -> str | None:
    """What git says, None where it fails."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=False
        )
    except OSError:  # no git
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def training_history(run_folder: Path) -> list[dict[str, Any]]:
    """The runs a model went through, first the one that began it.

    A run that started from another's weights (``network.start_from``), or whose depth network
    another one trained (``network.depth_run``), comes after that one.

    Returns:
        For each ``run``, the name of its folder, ``experiment``, that of its settings, and
        ``commands``, the lines recorded in the folder (see :func:`recorded_commands`), which are
        none if it was trained before runs recorded them or the folder is no longer there.

    Raises:
        ExperimentError: if a run's settings can't be read.
    """
    history: list[dict[str, Any]] = []
    seen: set[Path] = set()
    folder: Path | None = run_folder
    while folder is not None and folder.resolve() not in seen:
        seen.add(folder.resolve())
        config = folder / "config.yaml"
        try:
            settings = yaml.safe_load(config.read_bytes()) if config.is_file() else {}
            if not isinstance(settings, dict):
                raise yaml.YAMLError("no settings")
        except yaml.YAMLError as error:
            raise ExperimentError(
                f"{config} is damaged; the history of the model begins there, so restore it, or "
                "empty network.start_from or network.depth_run of the run that names it"
            ) from error
        name = settings.get("name", folder.name)
        commands = recorded_commands(folder)
        history.insert(0, {"run": folder.name, "experiment": name, "commands": commands})
        earlier = earlier_run(settings.get("network", {}))
        folder = Path(earlier) if earlier else None
    return history
