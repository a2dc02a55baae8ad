# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A scene's points by the row that lists them."""

from __future__ import annotations

from pathlib import Path

from training.data.labelled_frames import DatasetError
from training.data.manifest import ScanRow
from training.data.scan import Scan, read_ply


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
    raise DatasetError(
        f"{path} is of the unknown format '{row.format}'; the list it is in was made by another "
        "version: make it anew with 'python -m training prepare'"
    )
