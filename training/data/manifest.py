# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Manifests: one line of JSON for each frame of a prepared data set."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import yaml

from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.yaml_problem import yaml_problem
from training.data.labelled_frames import DatasetError, LabelledFrame, LabelledFrames
from training.data.registry import reader_class

MANIFEST = "manifest.jsonl"
SCANS_LIST = "scans.jsonl"
LABEL_SPACE = "label_space.yaml"
DATASET = "dataset.yaml"
DEFECTS = "defects.txt"
Row = TypeVar("Row", "ManifestRow", "ScanRow")


@dataclass(frozen=True)
class ManifestRow:
    """One frame.

    Attributes:
        image: path relative to the manifest's folder, or absolute.
        label: likewise; one-channel image of ids; None where there is none.
        scene: what must not be divided between splits.
        split: train, val or test.
        sha256: of the label file; None where there is none.
        name: of the frame, unlike any other of its scene; None for that of the image file.
        depth: likewise a path; one-channel image; None where there is none.
        depth_scale: of the depth image's numbers for a metre.
        depth_invalid: its numbers that mean no measurement.
        pose: camera to world, 4x4 by rows, metres, optical frame (z forward, x right, y down);
            None where it is lost.
        intrinsics: of the image: width, height, fx, fy, cx, cy, pixel centres at integers.
        depth_intrinsics: of the depth image; None where they are the image's.
        depth_to_color: a point of the depth camera's frame in the colour camera's, 4x4 by rows;
            None where the cameras stand at one place.
    """

    image: str
    label: str | None
    scene: str
    split: str
    sha256: str | None
    name: str | None = None
    depth: str | None = None
    depth_scale: float = 1000.0
    depth_invalid: list[int] = field(default_factory=lambda: [0])
    pose: list[float] | None = None
    intrinsics: list[float] | None = None
    depth_intrinsics: list[float] | None = None
    depth_to_color: list[float] | None = None

    @property
    def frame(self) -> str:
        """Name of the frame within its scene."""
        return self.name or Path(self.image).stem


@dataclass(frozen=True)
class ScanRow:
    """Points of one scene.

    Attributes:
        scene: name, that of its frames.
        split: likewise.
        format: who reads it, see :func:`training.data.open_scan.open_scan`.
        path: file or folder, relative to the manifest's folder, or absolute.
    """

    scene: str
    split: str
    format: str
    path: str


def write_manifest(folder: Path, rows: Iterable[ManifestRow]) -> None:
    """Write ``manifest.jsonl``.

    Raises:
        OSError: if it can't be written; one that was there before is then left as it was.
    """
    _write_rows(folder / MANIFEST, rows)


def write_scans(folder: Path, rows: Iterable[ScanRow]) -> None:
    """Write ``scans.jsonl``, the list of the scenes' points.

    Raises:
        OSError: if it can't be written; one that was there before is then left as it was.
    """
    _write_rows(folder / SCANS_LIST, rows)


def _write_rows(path: Path, rows: Iterable[ManifestRow] | Iterable[ScanRow]) -> None:
    lines = "".join(json.dumps(row.__dict__) + "\n" for row in rows)
    write_file(path, lines.encode())


def read_manifest(folder: Path) -> list[ManifestRow]:
    """Read ``manifest.jsonl``.

    Raises:
        DatasetError: if it is missing or malformed.
    """
    return _read_rows(folder / MANIFEST, ManifestRow)


def read_scans(folder: Path) -> list[ScanRow]:
    """Read ``scans.jsonl``.

    Raises:
        DatasetError: if it is missing or malformed.
    """
    return _read_rows(folder / SCANS_LIST, ScanRow)


def _read_rows(path: Path, kind: type[Row]) -> list[Row]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path} cannot be read: it is not there; 'python -m training prepare' writes it"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {yaml_problem(error)}") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(kind(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise DatasetError(
                f"line {number} of {path} is malformed; make it anew with "
                "'python -m training prepare'"
            ) from error
    return rows


class ManifestFrames(LabelledFrames):
    """Labelled frames of one split of a prepared data set.

    Args:
        folder: holds ``manifest.jsonl`` and ``label_space.yaml``, and for published data sets
            ``dataset.yaml``.
        split: train, val or test.
        label_space: of the model; must know the ids of the prepared labels, or have the classes
            that the data set was prepared with.

    Raises:
        DatasetError: if the manifest can't be read, has no labelled frame of the split, or was
            prepared with other classes.
        LabelSpaceError: if the label space beside it can't be read.
    """

    def __init__(self, folder: Path, split: str, label_space: LabelSpace) -> None:
        size = read_description(folder).get("size")
        self.rows = [
            row for row in read_manifest(folder) if row.split == split and row.label is not None
        ]
        if not self.rows:
            raise DatasetError(f"{folder / MANIFEST} has no labelled frame of the split '{split}'")
        frames = [
            LabelledFrame(row.scene, row.frame, folder / row.image, folder / str(row.label))
            for row in self.rows
        ]
        table = class_table(folder, label_space)
        super().__init__(split, frames, table, tuple(size) if size else None)


def read_description(folder: Path) -> dict[str, Any]:
    """What ``dataset.yaml`` says; nothing for a folder of images and masks.

    Raises:
        DatasetError: if it is malformed.
    """
    path = folder / DATASET
    if not path.is_file():
        return {}
    try:
        description = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DatasetError(f"{path} cannot be read: {yaml_problem(error)}") from error
    if not isinstance(description, dict):
        raise DatasetError(f"{path} is no YAML mapping; make it anew with prepare")
    return description


def class_table(folder: Path, label_space: LabelSpace) -> npt.NDArray[Any]:
    """Table from the ids of a prepared data set's labels to a model's classes.

    Args:
        folder: holds ``label_space.yaml``, and for published data sets ``dataset.yaml``.
        label_space: of the model; must know the ids, or have the classes that the data set was
            prepared with.

    Returns:
        [65536]; ids without a class give the label space's ``unlabeled``.

    Raises:
        DatasetError: if the data set was prepared with other classes.
        LabelSpaceError: if its label space can't be read.
    """
    source = read_description(folder).get("label_source")
    if source in label_space.source_ids:
        return label_space.lookup(str(source))
    return _same_classes(folder, label_space, source)


def known_label_ids(folder: Path) -> frozenset[int]:
    """Every id that labels of a prepared data set may hold, that of no label among them.

    Raises:
        DatasetError: if its description names an unknown data set.
        LabelSpaceError: if it has no description, and its label space can't be read.
    """
    dataset = read_description(folder).get("dataset")
    if dataset is not None:
        reader = reader_class(str(dataset))
        return reader.label_ids | {reader.no_label}
    prepared = LabelSpace.load(folder / LABEL_SPACE)
    return frozenset(range(prepared.num_classes)) | {prepared.unlabeled}


def _same_classes(folder: Path, label_space: LabelSpace, source: str | None) -> npt.NDArray[Any]:
    """The table of the prepared label space, which has the model's classes.

    Args:
        folder: of the manifest.
        label_space: of the model.
        source: whose ids the labels hold; None where they are classes already.
    """
    prepared = LabelSpace.load(folder / LABEL_SPACE)
    if prepared.names != label_space.names:
        raise DatasetError(
            f"{folder} was prepared with the label space '{prepared.name}', whose classes are "
            f"not those of '{label_space.name}'; train with {folder / LABEL_SPACE} as "
            "label_space, or use data that was prepared with the model's classes"
        )
    if source is not None:
        return prepared.lookup(source)
    table = np.full(65536, label_space.unlabeled, label_space.dtype)
    table[: label_space.num_classes] = np.arange(label_space.num_classes)
    return table
