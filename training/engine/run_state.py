# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What of a training run is in its checkpoints."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.engine.checkpoint import CheckpointError, first_line, load_checkpoint
from training.engine.settings import ExperimentError

if TYPE_CHECKING:
    from training.engine.training_run import TrainingRun

logger = logging.getLogger(__name__)


def run_state(run: TrainingRun) -> dict[str, Any]:
    """All that a run needs to go on."""
    return {
        "network": run.network.state_dict(),
        "optimiser": run.optimiser.state_dict(),
        "scaler": run.scaler.state_dict(),
        "averaged": run.averaged.state,
        "step": run.step,
        "minutes": run.minutes,
        "processes": run.workers.count,
        **run.further_state(),
    }


def restore_run(run: TrainingRun, path: Path) -> None:
    """Go on from a checkpoint.

    Raises:
        CheckpointError: if it is damaged or of another experiment.
        ExperimentError: if it is of another number of processes.
    """
    state = load_checkpoint(path)
    try:
        run.network.load_state_dict(state["network"])
        run.optimiser.load_state_dict(state["optimiser"])
        run.scaler.load_state_dict(state.get("scaler", {}))
        for name, value in run.averaged.state.items():
            value.copy_(state["averaged"][name])
        run.step, run.minutes = state["step"], float(state["minutes"])
        run.take_further_state(state)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} is a checkpoint of another experiment than {run.folder}/config.yaml: "
            f"{first_line(error)}; remove it, or train into another folder"
        ) from error
    count = state.get("processes", run.workers.count)
    if count != run.workers.count:
        raise ExperimentError(
            f"{run.folder} holds a run of {count} processes and this is one of "
            f"{run.workers.count}, whose batches are others; go on with torchrun "
            f"--nproc-per-node {count}, or train into another folder with --out"
        )
    logger.info("resumed from %s", path)
