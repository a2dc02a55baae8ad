# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The depth network of a Cascade, taken from the run that trained it."""

from __future__ import annotations

from pathlib import Path

from seg3d2d_ros.networks.depth_cascade import DepthCascade
from training.engine.checkpoint import CheckpointError
from training.engine.stored_run import fill_with_averaged, run_files


def fill_depth_network(cascade: DepthCascade, folder: Path) -> None:
    """Give a cascade's depth network the averaged weights of a run; they stay frozen.

    Args:
        cascade: to fill.
        folder: of a run of the same network with one output, the logarithm of depth.

    Raises:
        CheckpointError: if there is no checkpoint, or it is of another network.
    """
    try:
        _, checkpoint = run_files(folder)
        fill_with_averaged(cascade.depth_network, checkpoint, "the cascade's depth network")
    except CheckpointError as error:
        raise CheckpointError(f"network.depth_run: {error}") from error
