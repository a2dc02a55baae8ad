# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Whose run a folder holds."""

from __future__ import annotations

from pathlib import Path

import yaml

from training.engine.experiment import (
    Experiment,
    ExperimentError,
    differences,
    experiment_from_mapping,
)


def claim_folder(folder: Path, experiment: Experiment) -> None:
    """Write an experiment's ``config.yaml``, or check that the folder's is the same.

    Raises:
        ExperimentError: if the folder holds a run with other settings.
        OSError: if it can't be written.
    """
    path = folder / "config.yaml"
    wanted = experiment.to_mapping()
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(wanted, sort_keys=False), encoding="utf-8")
        return
    there = yaml.safe_load(path.read_text(encoding="utf-8"))
    # by way of the experiment, so that settings added since have their defaults
    there = experiment_from_mapping(there).to_mapping()
    if there != wanted:
        raise ExperimentError(
            f"{folder} holds a run with other settings ({differences(there, wanted)}); choose "
            "another folder with --out"
        )
