# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Whose run a folder holds, and what it was trained by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import yaml

from seg3d2d_ros.atomic_file import write_file
from training.engine.checkpoint import newest_checkpoint
from training.engine.run_origins import ORIGINS, record_inherited
from training.engine.settings import ExperimentError, differences
from training.provenance import COMMANDS

CONFIG = "config.yaml"
_CHANGE_NOTHING = ("loaders",)
"""Settings of the training with which a run may go on whatever they were."""


class Settings(Protocol):
    """What determines a run."""

    def to_mapping(self) -> dict[str, Any]:
        """As YAML holds it."""


Experiment = TypeVar("Experiment", bound=Settings)


def recorded_settings(path: Path, read: Callable[[Mapping[str, Any]], Experiment]) -> Experiment:
    """The experiment in a run folder's ``config.yaml``.

    Args:
        path: of the file.
        read: an experiment of its kind from its mapping.

    Raises:
        ExperimentError: if it is damaged or of another kind.
        OSError: if it can't be read.
    """
    try:
        mapping = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ExperimentError(
            f"{path} is damaged; restore it, or train anew in another folder"
        ) from error
    try:
        return read(mapping)
    except ValueError as error:
        raise ExperimentError(f"{path}: {error}") from error


def check_folder(
    folder: Path, experiment: Settings, read: Callable[[Mapping[str, Any]], Settings]
) -> None:
    """Whether a folder is free for an experiment's run, or holds one with the same settings.

    The number of threads that load may differ, as it changes no result.

    Args:
        folder: of the run.
        experiment: whose run it shall be.
        read: an experiment of that kind from its mapping.

    Raises:
        ExperimentError: if the folder holds a run with other settings, or they are damaged.
    """
    path = folder / CONFIG
    if not path.exists():
        return
    # by way of the experiment, so that settings added since have their defaults
    there, wanted = map(_deciding, (recorded_settings(path, read), experiment))
    if there != wanted:
        begun = newest_checkpoint(folder / "checkpoints") is not None
        raise ExperimentError(
            f"{folder} holds a run with other settings ({differences(there, wanted)}); choose "
            f"another folder with --out{'' if begun else ', or remove it: it has no checkpoint'}"
        )


def _deciding(experiment: Settings) -> dict[str, Any]:
    mapping = experiment.to_mapping()
    for name in _CHANGE_NOTHING:
        mapping["training"].pop(name, None)
    return mapping


def claim_folder(folder: Path, experiment: Settings) -> None:
    """Write an experiment's ``config.yaml``, unless there is one, see :func:`check_folder`.

    With it what the run builds on, see :func:`training.engine.run_origins.record_inherited`.

    Args:
        folder: of the run, made if absent.
        experiment: whose run it shall be.

    Raises:
        OSError: if it can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / CONFIG).exists():
        settings = experiment.to_mapping()
        record_inherited(folder, settings)
        write_file(folder / CONFIG, yaml.safe_dump(settings, sort_keys=False).encode())


def release_folder(folder: Path) -> None:
    """Let other settings have the folder of a run that failed before its first checkpoint.

    Raises:
        OSError: if something can't be removed.
    """
    if newest_checkpoint(folder / "checkpoints") is None:
        for name in (COMMANDS, ORIGINS, CONFIG):
            (folder / name).unlink(missing_ok=True)
