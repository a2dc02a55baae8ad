# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What a run has left in its folder: its settings and averaged weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from training.engine.checkpoint import CheckpointError, load_checkpoint, newest_checkpoint
from training.engine.settings import ExperimentError


def run_files(folder: Path) -> tuple[Path, Path]:
    """Settings and newest checkpoint of a run.

    Raises:
        CheckpointError: if there are none.
    """
    config, checkpoint = folder / "config.yaml", newest_checkpoint(folder / "checkpoints")
    if not config.is_file() or checkpoint is None:
        raise CheckpointError(f"{folder} is no run folder with a checkpoint; train first")
    return config, checkpoint


def fill_with_averaged(network: nn.Module, checkpoint: Path, than: str) -> dict[str, Any]:
    """Give a network a checkpoint's averaged weights.

    Args:
        network: to fill.
        checkpoint: file.
        than: what the network is, for messages.

    Returns:
        All that the checkpoint holds.

    Raises:
        CheckpointError: if it is not readable or of another network.
    """
    state = load_checkpoint(checkpoint)
    try:
        network.load_state_dict(state["averaged"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{checkpoint} is of another network than {than}") from error
    return state


def start_from(network: nn.Module, folder: str, name: str) -> None:
    """Give a network the averaged weights of another run.

    Args:
        network: to fill.
        folder: of the other run, the setting ``network.start_from``.
        name: of the network, for messages.

    Raises:
        ExperimentError: if the run has no checkpoint.
        CheckpointError: if it is not readable or of another network.
    """
    path = newest_checkpoint(Path(folder) / "checkpoints")
    if path is None:
        raise ExperimentError(f"network.start_from: {folder} has no checkpoint")
    fill_with_averaged(network, path, f"'{name}'")
