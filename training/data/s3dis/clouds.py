# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""S3DIS' rooms: `Area_i/room/Annotations/<class>_<k>.txt`, one file of points for each instance.

The room's own file `room.txt` has the same points without labels and is not read, nor is
`Area_i_alignmentAngle.txt`: the angles turn each room for the aligned version of the data set,
which images do not fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.defects import Defect, DefectError, DefectKind
from training.data.s3dis.classes import NO_LABEL, class_id
from training.data.s3dis.cloud_text import read_points
from training.data.scan import Scan

ANNOTATIONS = "Annotations"
"""Folder of a room with its instances."""


@dataclass(frozen=True, eq=False)
class RoomCloud:
    """The points of one room.

    Attributes:
        scan: labels 0..12, 255 where the file's class is unknown; instances count from 1 in the
            order of the files' names; None if the room has no points.
        defects: what is wrong with its files.
    """

    scan: Scan | None
    defects: list[Defect]


def read_room(folder: Path, scene: str) -> RoomCloud:
    """Read a room's points, one file after the other in the order of their names.

    Args:
        folder: `Area_i/room`.
        scene: name, for the defects.
    """
    defects: list[Defect] = []
    parts: list[np.ndarray] = []
    labels: list[int] = []
    annotations = folder / ANNOTATIONS
    files = sorted(p for p in annotations.glob("*.txt") if not p.name.startswith("."))
    if not files:
        missing = DefectError(
            DefectKind.MISSING_FILE, annotations, f"{annotations} holds no clouds (*.txt)"
        )
        return RoomCloud(None, [missing.defect(scene)])
    for file in files:
        try:
            points, damaged = read_points(file)
        except DefectError as error:
            defects.append(error.defect(scene))
            continue
        defects += [problem.defect(scene, dropped=False) for problem in damaged]
        label = class_id(file.stem.rsplit("_", 1)[0])
        if label is None:
            unknown = DefectError(
                DefectKind.UNKNOWN_LABEL,
                file,
                f"{file} is of no class of S3DIS; its points are used without label",
            )
            defects.append(unknown.defect(scene, dropped=False))
        parts.append(points)
        labels.append(NO_LABEL if label is None else label)
    if not parts:
        return RoomCloud(None, defects)
    counts = [len(part) for part in parts]
    points = np.concatenate(parts)
    scan = Scan(
        points[:, :3].astype(np.float32),
        np.rint(points[:, 3:]).astype(np.uint8),
        np.repeat(np.array(labels, np.uint16), counts),
        np.repeat(np.arange(1, len(counts) + 1, dtype=np.uint32), counts),
    )
    return RoomCloud(scan, defects)
