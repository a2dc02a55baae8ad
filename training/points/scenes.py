# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes of a prepared data set as labelled clouds, kept in memory as far as there is room."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.labels import LabelSpace
from training.counted import counted
from training.data.defects import DefectError
from training.data.labelled_frames import DatasetError
from training.data.manifest import (
    SCANS_LIST,
    ScanRow,
    class_table,
    known_label_ids,
    read_scans,
)
from training.data.open_scan import open_scan, scan_files
from training.data.scene_fingerprint import READERS_VERSION, file_states
from training.points.cloud import UNLABELED, CloudError, LabelledCloud, check_cloud


@dataclass(frozen=True, eq=False)
class _Kept:
    """A scene in a third of a cloud's memory."""

    points: npt.NDArray[np.float32]
    colors: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int16]

    @property
    def size(self) -> int:
        return self.points.nbytes + self.colors.nbytes + self.labels.nbytes

    def cloud(self) -> LabelledCloud:
        return LabelledCloud(
            self.points, self.colors.astype(np.float32), self.labels.astype(np.int64)
        )


def scans_of(folder: Path, splits: Sequence[str] = ()) -> list[ScanRow]:
    """What a prepared data set lists of some splits, of all where none is named.

    Raises:
        DatasetError: if the list can't be read, or has no scan, or none of a split.
    """
    rows = read_scans(folder)
    if not rows:
        raise DatasetError(
            f"{folder / SCANS_LIST} lists no scan; prepare a data set that has scans"
        )
    there = sorted({row.split for row in rows})
    for split in splits:
        if split not in there:
            raise DatasetError(
                f"{folder / SCANS_LIST} has no scan of the split '{split}', only of "
                f"{', '.join(there)}"
            )
    return [row for row in rows if not splits or row.split in splits]


class LabelledScenes:
    """Scenes of one split; several threads may read them.

    Args:
        folder: of a prepared data set, holds ``scans.jsonl``.
        split: train, val or test.
        label_space: of the network; must know the ids of the scans' labels, or have the classes
            that the data set was prepared with.
        memory: bytes of scenes that are kept, so that their files aren't parsed every epoch.

    Raises:
        DatasetError: if the list can't be read, has no scene of the split, or was prepared with
            other classes.
        LabelSpaceError: if the label space beside it can't be read.
    """

    def __init__(
        self, folder: Path, split: str, label_space: LabelSpace, memory: int = 2 << 30
    ) -> None:
        self.folder, self.split = folder, split
        self.rows: list[ScanRow] = scans_of(folder, [split])
        table = class_table(folder, label_space).astype(np.int32)
        table[table == label_space.unlabeled] = UNLABELED
        self._table = table.astype(np.int16)
        known = known_label_ids(folder)
        self._unknown = np.ones(len(table), bool)
        self._unknown[list(known)] = False
        self._range = _in_words(known)
        self._room = memory
        self._kept: dict[int, _Kept] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.rows)

    def load(self, index: int) -> LabelledCloud:
        """Points of a scene; its arrays are not to be changed.

        Raises:
            DatasetError: if its files are missing or damaged.
            CloudError: if its points can't be used, it has no labels, or one is out of range.
        """
        kept = self._kept.get(index)
        if kept is None:
            kept = self._read(self.rows[index])
            with self._lock:
                if index not in self._kept and kept.size <= self._room:
                    self._kept[index] = kept
                    self._room -= kept.size
        return kept.cloud()

    def _read(self, row: ScanRow) -> _Kept:
        try:
            scan = open_scan(self.folder, row)
        except DefectError as error:
            raise DatasetError(str(error)) from error
        where = f"scene {row.scene} ({self.folder / row.path})"
        check_cloud(scan.points, scan.colors, where)
        if scan.labels is None:
            raise CloudError(
                f"{where} has no labels; train and measure on scenes that have them, or take it "
                f"out of the split '{self.split}'"
            )
        self._check_labels(scan.labels, where)
        return _Kept(scan.points, scan.colors, self._table[scan.labels])

    def _check_labels(self, labels: npt.NDArray[Any], where: str) -> None:
        out_of_range = self._unknown[labels]
        if out_of_range.any():
            first = int(np.argmax(out_of_range))
            raise CloudError(
                f"{where}: the labels of {counted(int(out_of_range.sum()), 'point')} are out of "
                f"range (not {self._range}), the first is point {first} with {int(labels[first])}; "
                "prepare the data set anew, or correct them"
            )

    def fingerprint(self, indices: Iterable[int]) -> str:
        """SHA-256 of what the labels of some scenes depend on; their files are not opened.

        It covers names, sizes and times of change of the files, and the classes that the ids of
        labels stand for.

        Raises:
            DatasetError: if the format of a scan is unknown.
        """
        digest = hashlib.sha256(f"readers {READERS_VERSION}\n".encode())
        digest.update(self._table.tobytes())
        digest.update(self._unknown.tobytes())
        for index in indices:
            row = self.rows[index]
            lines = [f"{row.scene}\t{row.format}"]
            for path in scan_files(self.folder, row):
                lines += file_states(path, path.name)
            digest.update("".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"))
        return digest.hexdigest()

    def class_counts(self, classes: int, most: int = 100) -> npt.NDArray[np.int64]:
        """Labelled points by class, [classes], of at most so many evenly spaced scenes."""
        counts = np.zeros(classes, np.int64)
        for index in range(0, len(self), -(-len(self) // most)):
            labels = self.load(index).labels
            counts += np.bincount(labels[labels != UNLABELED], minlength=classes)
        return counts


def _in_words(ids: frozenset[int]) -> str:
    """Such as ``0 to 12, 255``."""
    starts = sorted(i for i in ids if i - 1 not in ids)
    ends = sorted(i for i in ids if i + 1 not in ids)
    pairs = zip(starts, ends, strict=True)
    return ", ".join(f"{low} to {high}" if low < high else str(low) for low, high in pairs)
