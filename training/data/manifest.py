# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Manifests: one line of JSON for each frame of a prepared data set."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.labels import LabelSpace
from training.data.labelled_frames import DatasetError, LabelledFrame, LabelledFrames

MANIFEST = "manifest.jsonl"
LABEL_SPACE = "label_space.yaml"


@dataclass(frozen=True)
class ManifestRow:
    """One frame.

    Attributes:
        image: path relative to the manifest's folder, or absolute.
        label: likewise; one-channel image with ids of the label space beside the manifest.
        scene: what must not be divided between splits.
        split: train or val.
        sha256: of the label file.
    """

    image: str
    label: str
    scene: str
    split: str
    sha256: str


def write_manifest(folder: Path, rows: Iterable[ManifestRow]) -> None:
    """Write ``manifest.jsonl``.

    Raises:
        OSError: if it can't be written; one that was there before is then left as it was.
    """
    lines = "".join(json.dumps(row.__dict__) + "\n" for row in rows)
    write_file(folder / MANIFEST, lines.encode())


def read_manifest(folder: Path) -> list[ManifestRow]:
    """Read ``manifest.jsonl``.

    Raises:
        DatasetError: if it is missing or malformed.
    """
    path = folder / MANIFEST
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(ManifestRow(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise DatasetError(
                f"line {number} of {path} is malformed; make it anew with "
                "'python -m training prepare'"
            ) from error
    return rows


class ManifestFrames(LabelledFrames):
    """Frames of one split of a prepared data set.

    Args:
        folder: holds ``manifest.jsonl`` and ``label_space.yaml``.
        split: train or val.
        label_space: of the model; must have the classes that the data set was prepared with.

    Raises:
        DatasetError: if the manifest can't be read, has no frame of the split, or was prepared
            with other classes.
        LabelSpaceError: if the label space beside it can't be read.
    """

    def __init__(self, folder: Path, split: str, label_space: LabelSpace) -> None:
        prepared = LabelSpace.load(folder / LABEL_SPACE)
        if prepared.names != label_space.names:
            raise DatasetError(
                f"{folder} was prepared with the label space '{prepared.name}', whose classes are "
                f"not those of '{label_space.name}'; name {folder / LABEL_SPACE} as label_space"
            )
        frames = [
            LabelledFrame(row.scene, Path(row.image).stem, folder / row.image, folder / row.label)
            for row in read_manifest(folder)
            if row.split == split
        ]
        if not frames:
            raise DatasetError(f"{folder / MANIFEST} has no frame of the split '{split}'")
        table = np.full(65536, label_space.unlabeled, label_space.dtype)
        table[: label_space.num_classes] = np.arange(label_space.num_classes)
        super().__init__(split, frames, table)
