# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""By which commands the data, features and statistics were written that a run learns from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from training.data.manifest import DATASET
from training.distillation.distillation_config import RUNNING
from training.projection.scene_points import VISIBLE_POINTS
from training.provenance import recorded_commands

HistoryEntry: TypeAlias = dict[str, Any]
"""What was written on the way to a model: ``commands``, the lines of shell recorded of it, none
where there is no record, beside ``run`` and ``experiment``, the names of a run's folder and of its
settings, or beside ``data``, the path of a folder or file."""


def once_each(entries: Iterable[HistoryEntry]) -> tuple[HistoryEntry, ...]:
    """One entry for each run and folder, where the first of them is, with the commands of all.

    Between two runs on the same data its folder may have been written to by further commands.
    """
    found: dict[tuple[tuple[str, Any], ...], list[str]] = {}
    for entry in entries:
        key = tuple((name, value) for name, value in entry.items() if name != "commands")
        there = found.setdefault(key, [])
        listed = set(_with_comments(there))
        for lines in _with_comments(entry["commands"]):
            if lines not in listed:
                there += lines
    return tuple({**dict(key), "commands": commands} for key, commands in found.items())


def _with_comments(commands: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Each command with the comments before it."""
    lines: list[str] = []
    for line in commands:
        lines.append(line)
        if not line.startswith("#"):
            yield tuple(lines)
            lines = []
    if lines:
        yield tuple(lines)


def data_history(settings: Mapping[str, Any]) -> list[HistoryEntry]:
    """How the folders were written that a run reads, each after those that it was made from.

    Args:
        settings: of the run, as YAML holds them.

    Returns:
        An entry for each prepared data set, folder of features and of visible points. That of a
        data set begins with the commands that rendered it, where those are recorded.
    """
    return [
        {"data": str(folder), "commands": [*_source_commands(folder), *recorded_commands(folder)]}
        for folder in _folders(settings)
    ]


def _folders(settings: Mapping[str, Any]) -> Iterator[Path]:
    data = settings.get("data") or {}
    distillation = settings.get("distillation") or {}
    unpaired = distillation.get("unpaired") or {}
    roots = [data.get("root"), *(data.get("more_train") or ())]
    yield from (Path(root) for root in (*roots, *(unpaired.get("scans") or ())) if root)
    features = distillation.get("features") or ()
    visible = distillation.get("visible_points") or [
        Path(root) / VISIBLE_POINTS for root in roots if root
    ]
    for folder, points in zip(features, visible, strict=False):
        if folder:
            yield from (Path(folder), Path(points))
    yield from (Path(folder) for folder in unpaired.get("features") or ())


def _source_commands(prepared: Path) -> list[str]:
    """What wrote the folder that a data set was prepared from; nothing for published data."""
    try:
        content = yaml.safe_load((prepared / DATASET).read_text(encoding="utf-8"))
        return recorded_commands(prepared / content["root"])
    except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError):
        return []  # a folder of images and masks, or one that training will refuse


def statistics_run(settings: Mapping[str, Any]) -> tuple[Path | None, HistoryEntry] | None:
    """The run whose 2D features' statistics another run brings features to, and their entry.

    Args:
        settings: of the other run, as YAML holds them.

    Returns:
        The folder of the run, None where the file can't be read or is of before it said that, and
        how the statistics were written; None for a run that takes no file of statistics.
    """
    distillation = settings.get("distillation") or {}
    file = distillation.get("statistics_2d_of")
    if distillation.get("statistics_2d") or file in (None, "", RUNNING):
        return None
    path = Path(str(file))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        run, commands = Path(content["run_folder"]), [str(line) for line in content["commands"]]
    except (OSError, ValueError, TypeError, KeyError):
        return None, {"data": str(path), "commands": []}
    return run, {"data": str(path), "commands": commands}
