# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A scene's points by the row that lists them."""

from __future__ import annotations

from pathlib import Path

from training.data.labelled_frames import DatasetError
from training.data.manifest import ScanRow
from training.data.scan import Scan, read_ply


def scan_files(folder: Path, row: ScanRow) -> list[Path]:
    """The files that :func:`open_scan` may read, whether they are there or not; arguments as there.

    Raises:
        DatasetError: if the format is unknown.
    """
    path = folder / row.path
    if row.format == "scannet":
        from training.data.scannet.label_table import scene_label_table_places
        from training.data.scannet.scans import annotation_paths, mesh_path

        return [mesh_path(path), *annotation_paths(path), *scene_label_table_places(path)]
    if row.format in ("ply", "panorooms"):
        return [path]
    raise _unknown_format(path, row)


def open_scan(folder: Path, row: ScanRow) -> Scan:
    """Read a scene's points.

    Args:
        folder: of the manifest.
        row: its line in ``scans.jsonl``. Format ``ply``: a file with all there is; ``scannet``: a
            folder of ScanNet's ``scans``; ``panorooms``: a room's volume, whose surface is taken.

    Raises:
        DefectError: if a file is missing or damaged.
        DatasetError: if the format is unknown.
    """
    path = folder / row.path
    if row.format == "ply":
        return read_ply(path)
    if row.format == "scannet":
        from training.data.scannet.scans import read_scan

        return read_scan(path).scan
    if row.format == "panorooms":
        from training.data.panorooms.surface import read_surface

        return read_surface(path)
    raise _unknown_format(path, row)


def _unknown_format(path: Path, row: ScanRow) -> DatasetError:
    return DatasetError(
        f"{path} is of the unknown format '{row.format}'; the list it is in was made by another "
        "version: make it anew with 'python -m training prepare'"
    )
