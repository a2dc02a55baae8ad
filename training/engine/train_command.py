# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What the verbs share that train: options, the run folder and its log, the metrics."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from training.provenance import record_own_command

if TYPE_CHECKING:
    from training.engine.training_run import TrainingRun


def add_options(train: argparse.ArgumentParser, folder: str) -> None:
    """The options of a verb that trains.

    Args:
        train: its parser.
        folder: of the experiments, for the help.
    """
    train.add_argument("experiment", type=Path, help=f"file in {folder}")
    train.add_argument("--set", action="append", default=[], metavar="SECTION.SETTING=VALUE")
    train.add_argument("--out", type=Path, help="run folder, by default runs/<name>")
    train.add_argument("--device", default="cpu", help="cpu or cuda")


def train(
    arguments: argparse.Namespace, name: str, new_run: Callable[[Path, str], TrainingRun]
) -> int:
    """Train, and print the metrics.

    Args:
        arguments: the options, and the ``words`` of the command line.
        name: of the experiment.
        new_run: the run in a folder, on a device.

    Returns:
        Exit status.
    """
    folder = arguments.out or Path("runs") / name
    folder.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(folder / "log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    run = new_run(folder, arguments.device)
    if run.workers.leads and run.progress() < 1.0:
        record_own_command(folder, arguments.words)
    metrics = run.run()
    run.workers.part()
    if metrics is not None:
        print(json.dumps(metrics, indent=2))
    return 0
