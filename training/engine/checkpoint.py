# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: written whole or not at all, read without running code from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch


class CheckpointError(RuntimeError):
    """No usable checkpoint; the message is one sentence."""


def first_line(error: Exception) -> str:
    """What an exception says first; PyTorch's go on for paragraphs."""
    return str(error).partition("\n")[0] or type(error).__name__


def save_checkpoint(folder: Path, step: int, state: dict[str, Any], keep: int) -> Path:
    """Write ``step_<step>.pt`` and remove all but the newest ``keep`` checkpoints.

    Raises:
        CheckpointError: if it can't be written; those that were there are left as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step_{step:07d}.pt"
    temporary = folder / f".{path.name}.{os.getpid()}"
    try:
        with temporary.open("wb") as stream:
            torch.save(state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # PyTorch's writer raises the latter on a full disk
        raise CheckpointError(
            f"checkpoint {path} can't be written ({first_line(error)}); make room on the disk, or "
            "its folder writable, and "
            "the same command goes on from the newest checkpoint"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    for old in sorted(folder.glob("step_*.pt"))[:-keep]:
        old.unlink()
    return path


def newest_checkpoint(folder: Path) -> Path | None:
    """Path of the checkpoint of the latest step, None if there is none."""
    return max(folder.glob("step_*.pt"), default=None)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of our own.

    Raises:
        CheckpointError: if it is no readable checkpoint.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise CheckpointError(f"{path} is no readable checkpoint ({reason}); remove it") from error
    if not isinstance(state, dict) or not isinstance(state.get("step"), int):
        raise CheckpointError(f"{path} is no checkpoint of a training run")
    return state
