# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""ScanNet's table of labels, `scannetv2-labels.combined.tsv`."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from training.data.defects import DefectError, DefectKind, unread
from training.data.manifest_paths import absolute_path

LABEL_TABLE = "scannetv2-labels.combined.tsv"


@dataclass(frozen=True)
class LabelTable:
    """What annotators wrote, as ids of NYU-40.

    Attributes:
        by_category: NYU-40 id by raw category; the last row counts where one occurs twice, as in
            ScanNet's own tools.
        by_id: NYU-40 id by ScanNet's id, which 2D label images hold.
        ambiguous: raw categories that occur again with another NYU-40 id.
    """

    by_category: dict[str, int]
    by_id: dict[int, int]
    ambiguous: tuple[str, ...] = ()


def label_table_places(root: Path) -> tuple[Path, ...]:
    """Where a data set's table may be; the first that is there counts."""
    return root / LABEL_TABLE, root / "scans" / LABEL_TABLE


def scene_label_table_places(folder: Path) -> tuple[Path, ...]:
    """Where the table for a scene of ``scans`` may be; the first that is there counts.

    Args:
        folder: ``<root>/scans/<scene>``; where one of the two is a link, places beside where it
            leads come after those in the root.
    """
    scans = absolute_path(folder).parent
    roots = (scans.parent, scans.resolve().parent, folder.resolve().parent.parent)
    return tuple(dict.fromkeys(path for root in roots for path in label_table_places(root)))


def find_label_table(places: Iterable[Path]) -> Path:
    """The first of some places where the table is.

    Args:
        places: of :func:`label_table_places` or :func:`scene_label_table_places`.

    Raises:
        DefectError: if it is in none of them.
    """
    places = tuple(places)
    for path in places:
        if path.is_file():
            return path
    raise DefectError(
        DefectKind.MISSING_FILE,
        places[0],
        f"{places[0]} is missing, without which annotations have no ids; download it with "
        "ScanNet's option --label_map",
    )


def read_label_table(path: Path) -> LabelTable:
    """Read the table; tab-separated, with a line of column names.

    Raises:
        DefectError: if it is missing or lacks a column or a number.
    """
    by_category: dict[str, int] = {}
    by_id: dict[int, int] = {}
    ambiguous = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                category, nyu40 = row["raw_category"], int(row["nyu40id"])
                if by_category.get(category, nyu40) != nyu40:
                    ambiguous.append(category)
                by_category[category] = nyu40
                by_id[int(row["id"])] = nyu40
    except OSError as error:
        raise unread(path, error) from error
    except (UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise DefectError(
            DefectKind.DAMAGED_FILE,
            path,
            f"{path} is no table with the columns id, raw_category and nyu40id ({error})",
        ) from error
    if not by_category:
        raise DefectError(DefectKind.DAMAGED_FILE, path, f"{path} has no rows")
    return LabelTable(by_category, by_id, tuple(ambiguous))
