# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reader of ScanNet's reconstructed meshes with their annotation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.defects import Defect, DefectError, DefectKind, unread
from training.data.scan import Scan, read_ply
from training.data.scannet.label_table import (
    LabelTable,
    find_label_table,
    read_label_table,
    scene_label_table_places,
)

HIGHEST_ID = 40
"""Of NYU-40."""


@dataclass(frozen=True, eq=False)
class LabelledScan:
    """A scene's mesh and what is wrong with its files.

    Attributes:
        scan: vertices in the order of ``_vh_clean_2.ply``; labels are NYU-40 ids, 0 where there is
            none, instances the annotation's objectId + 1, 0 where there is none.
        defects: of the annotation; where it has any, what could be used of it was.
    """

    scan: Scan
    defects: list[Defect]


def mesh_path(folder: Path) -> Path:
    """The mesh of a folder of ``scans``."""
    return folder / f"{folder.name}_vh_clean_2.ply"


def annotation_paths(folder: Path) -> tuple[Path, Path, Path]:
    """The mesh's segments, its objects, and its copy with labels."""
    name = folder.name
    return (
        folder / f"{name}_vh_clean_2.0.010000.segs.json",
        folder / f"{name}.aggregation.json",
        folder / f"{name}_vh_clean_2.labels.ply",
    )


def read_scan(folder: Path, *, compare: bool = False) -> LabelledScan:
    """Read one scene's mesh.

    Labels come from ``.aggregation.json``, ``_vh_clean_2.0.010000.segs.json`` and the data set's
    label table, as ScanNet's own export makes them; where one of these is missing or damaged from
    ``_vh_clean_2.labels.ply``. That file has ids that NYU-40 lacks in a few scenes (50, 149); they
    become 0. A scene without either has no labels, which is no defect here.

    Args:
        folder: of ``scans``, named after the scene, two levels below the data set's.
        compare: whether to look for such ids in ``.labels.ply`` where its labels are not needed.

    Raises:
        DefectError: if the mesh is missing or damaged.
    """
    name = folder.name
    scan = read_ply(mesh_path(folder))
    segments, aggregation, labelled = annotation_paths(folder)
    defects: list[Defect] = []
    annotated: Scan | None = None
    if segments.is_file() or aggregation.is_file():
        try:
            table = read_label_table(find_label_table(scene_label_table_places(folder)))
            annotated, found = _annotated(scan, segments, aggregation, table)
            defects += [error.defect(name, dropped=False) for error in found]
        except DefectError as error:
            defects.append(error.defect(name, dropped=False))
    if labelled.is_file() and (annotated is None or compare):
        try:
            of_file, found = _of_labelled_mesh(scan, labelled, aggregated=annotated is not None)
            annotated = annotated or of_file
            defects += [error.defect(name, dropped=False) for error in found]
        except DefectError as error:
            defects.append(error.defect(name, dropped=False))
    return LabelledScan(annotated or scan, defects)


def _annotated(
    scan: Scan, segments_path: Path, aggregation_path: Path, table: LabelTable
) -> tuple[Scan, list[DefectError]]:
    segment_of_point = _segments(segments_path, len(scan.points))
    segments, position = np.unique(segment_of_point, return_inverse=True)
    labels = np.zeros(len(segments), np.uint16)
    instances = np.zeros(len(segments), np.uint32)
    defects = []
    for category, instance, members in _groups(aggregation_path):
        label = table.by_category.get(category, -1)
        where = f"the object {instance - 1} of {aggregation_path}"
        if not 0 <= label <= HIGHEST_ID:
            reason = "is not in the label table" if label < 0 else f"has the unknown id {label}"
            defects.append(
                DefectError(
                    DefectKind.UNKNOWN_LABEL,
                    aggregation_path,
                    f"{where} is called {category!r}, which {reason}; its points count as "
                    "unlabeled",
                )
            )
            label = 0
        known = np.isin(members, segments)
        if not known.all():
            defects.append(
                DefectError(
                    DefectKind.DAMAGED_FILE,
                    aggregation_path,
                    f"{where} has {(~known).sum()} segments that are not in {segments_path.name}; "
                    "it is used without them",
                )
            )
        rows = np.searchsorted(segments, members[known])
        labels[rows], instances[rows] = label, instance
    position = position.reshape(-1)
    return replace(scan, labels=labels[position], instances=instances[position]), defects


def _segments(path: Path, points: int) -> npt.NDArray[np.int64]:
    content = _load_json(path)
    try:
        segments = np.array(content["segIndices"], np.int64)
        if segments.shape != (points,):
            raise ValueError(f"it has {segments.size} segment numbers for {points} points")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _damaged(path, error) from error
    return segments


def _groups(path: Path) -> Iterator[tuple[str, int, npt.NDArray[np.int64]]]:
    """Category, instance and segments of each object.

    Raises:
        DefectError: if the file is damaged.
    """
    content = _load_json(path)
    try:
        for group in content["segGroups"]:
            instance = int(group["objectId"]) + 1
            if not 0 < instance < 1 << 32:
                raise ValueError(f"objectId {instance - 1}")
            members = np.array(group["segments"], np.int64).reshape(-1)
            yield str(group["label"]), instance, members
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _damaged(path, error) from error


def _load_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise unread(path, error) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DefectError:
    reason = f"{error} is missing" if isinstance(error, KeyError) else error
    return DefectError(
        DefectKind.DAMAGED_FILE, path, f"{path} is no annotation of this mesh ({reason})"
    )


def _of_labelled_mesh(
    scan: Scan, path: Path, *, aggregated: bool
) -> tuple[Scan, list[DefectError]]:
    mesh = read_ply(path)
    if mesh.labels is None or len(mesh.labels) != len(scan.points):
        raise DefectError(
            DefectKind.DAMAGED_FILE, path, f"{path} has no label for each point of the mesh"
        )
    labels = mesh.labels.copy()
    instead = "take what the aggregation says" if aggregated else "count as unlabeled"
    defects = []
    for stray, count in zip(
        *np.unique(labels[labels > HIGHEST_ID], return_counts=True), strict=True
    ):
        defects.append(
            DefectError(
                DefectKind.UNKNOWN_LABEL,
                path,
                f"{count} points of {path} have the id {stray}, which NYU-40 lacks; they {instead}",
            )
        )
    labels[labels > HIGHEST_ID] = 0
    return replace(scan, labels=labels, instances=mesh.instances), defects
