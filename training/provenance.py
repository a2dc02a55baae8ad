# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where files come from: the commit of the code, and the commands that wrote a folder."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from seg3d2d_ros.atomic_file import write_file

COMMANDS = "commands.txt"
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


def training_command(words: Sequence[str], environment: Mapping[str, str] = os.environ) -> str:
    """The command line of this process; of several machines without their rendezvous.

    Args:
        words: what follows ``python -m training``.
        environment: tells whether torchrun started it, and how many processes.
    """
    if "TORCHELASTIC_RUN_ID" not in environment:
        return shlex.join(["python", "-m", "training", *words])
    nodes = environment.get("GROUP_WORLD_SIZE", "1")
    machines = ["--standalone"] if nodes == "1" else ["--nnodes", nodes]
    processes = environment.get("LOCAL_WORLD_SIZE", "1")
    launcher = ["torchrun", *machines, "--nproc-per-node", processes]
    return shlex.join([*launcher, "-m", "training", *words])


def own_commands(words: Sequence[str]) -> list[str]:
    """The command line of this process as lines of shell, after a comment that names the commit.

    Args:
        words: what follows ``python -m training``.
    """
    return [f"# commit {git_commit(Path(__file__).parent)}", training_command(words)]


def record_own_command(folder: Path, words: Sequence[str]) -> None:
    """Add :func:`own_commands` to a folder's ``commands.txt``, unless they are its last lines.

    Args:
        folder: that the command writes.
        words: what follows ``python -m training``.

    Raises:
        OSError: if it can't be written.
    """
    entry = own_commands(words)
    if recorded_commands(folder)[-2:] != entry:
        _add(folder, entry)


@contextmanager
def command_recorded(folder: Path, words: Sequence[str]) -> Iterator[None]:
    """Add the command line of this process to a folder's ``commands.txt`` when the work is done.

    The commit is that of the code when the command began that ended. One that is given again after
    that isn't recorded, as it has nothing to do, nor is one that fails or is interrupted, which may
    not have come to claim the folder.

    Args:
        folder: that the command writes.
        words: what follows ``python -m training``.

    Raises:
        OSError: if it can't be written.
    """
    comment, command = own_commands(words)
    yield
    if recorded_commands(folder)[-1:] != [command]:
        _add(folder, [comment, command])


def _add(folder: Path, entry: list[str]) -> None:
    lines = [*recorded_commands(folder), *entry]
    write_file(folder / COMMANDS, ("\n".join(lines) + "\n").encode())


def recorded_commands(folder: Path) -> list[str]:
    """Lines of shell: what wrote a folder, in order, after comments that name the commits.

    There are none if the folder records none.
    """
    path = folder / COMMANDS
    if not path.is_file():
        return []
    return path.read_text(encoding="utf-8", errors="replace").splitlines()
