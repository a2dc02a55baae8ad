# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""All that a prepared data set says about one of its scenes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.labels import LabelSpace
from training.data.defects import Defect, DefectError
from training.data.labelled_frames import DatasetError
from training.data.manifest import (
    LABEL_SPACE,
    MANIFEST,
    SCANS_LIST,
    ManifestRow,
    ScanRow,
    read_description,
    read_manifest,
    read_scans,
)
from training.data.prepare_dataset import SCENES
from training.projection.geometry import check_cameras


@dataclass(frozen=True, eq=False)
class InspectedScene:
    """One scene of a prepared data set.

    Attributes:
        folder: of the manifest, to which the rows' paths are relative.
        name: of the scene.
        rows: its frames, in the manifest's order.
        scan_row: its points; None where it has none.
        defects: what `prepare` found wrong with it; None where that is not listed by scene.
        label_space: classes that the data set was prepared with.
        table: the class of each id in label images and scans, (65536,), of the label space's type.
        size: height and width to which the protocol brings images and labels; None for their own.
        source: the data set and its protocol, for people.
    """

    folder: Path
    name: str
    rows: list[ManifestRow]
    scan_row: ScanRow | None
    defects: list[Defect] | None
    label_space: LabelSpace
    table: npt.NDArray[Any]
    size: tuple[int, int] | None
    source: str

    @property
    def splits(self) -> list[str]:
        """Whose frames and points the scene has."""
        found = [row.split for row in self.rows]
        found += [self.scan_row.split] if self.scan_row else []
        return list(dict.fromkeys(found))

    def spread(self, count: int) -> list[int]:
        """Positions of at most `count` rows, evenly spread, the first and the last among them."""
        shown = min(count, len(self.rows))
        places = np.linspace(0, len(self.rows) - 1, shown) if shown > 1 else np.zeros(shown)
        return [int(place) for place in np.rint(places)]


def open_scene(folder: Path, name: str) -> InspectedScene:
    """Read what a prepared data set says about a scene; images and points are not opened.

    Args:
        folder: what `prepare` has written.
        name: of the scene.

    Raises:
        DatasetError: if the folder is not a prepared data set, is damaged, or has no such scene, or
            none of the scene's images and its scan is there.
        LabelSpaceError: if its label space can't be read.
    """
    description = read_description(folder)
    manifest = read_manifest(folder)
    scans = read_scans(folder) if (folder / SCANS_LIST).is_file() else []
    finished = {path.stem: path for path in sorted((folder / SCENES).glob("*.json"))}
    known = dict.fromkeys(
        [*(row.scene for row in manifest), *(scan.scene for scan in scans), *finished]
    )
    if name not in known:
        some = ", ".join(list(known)[:5])
        raise DatasetError(
            f"{folder} has no scene '{name}', but {len(known)} others"
            + (f" such as {some}" if some else "")
        )
    rows = [row for row in manifest if row.scene == name]
    try:
        for row in rows:
            check_cameras(row)
    except DefectError as error:
        raise DatasetError(f"{folder / MANIFEST} can't be used: {error}") from error
    listed = [row.image for row in rows] + [scan.path for scan in scans if scan.scene == name]
    if listed and not any((folder / path).exists() for path in listed):
        raise DatasetError(
            f"nothing that {folder} lists of the scene '{name}' is there (the first is "
            f"{folder / listed[0]}): is the data set's disk mounted? No page was written"
        )
    space = LabelSpace.load(folder / LABEL_SPACE)
    size = description.get("size")
    keys = ("dataset", "protocol")
    names = dict.fromkeys(str(description[key]) for key in keys if key in description)
    return InspectedScene(
        folder,
        name,
        rows,
        next((scan for scan in scans if scan.scene == name), None),
        _defects(finished[name]) if name in finished else None,
        space,
        _classes_of_ids(space, description.get("label_source")),
        (int(size[0]), int(size[1])) if size else None,
        " ".join(names) or "images and masks",
    )


def _classes_of_ids(space: LabelSpace, source: object) -> npt.NDArray[Any]:
    if source in space.source_ids:
        return space.lookup(str(source))
    table = np.full(65536, space.unlabeled, space.dtype)
    table[: space.num_classes] = np.arange(space.num_classes)
    return table


def _defects(path: Path) -> list[Defect]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["defects"]
        return [Defect.from_mapping(defect) for defect in found]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DatasetError(
            f"{path} cannot be read ({error}); delete it and run 'python -m training prepare' again"
        ) from error
