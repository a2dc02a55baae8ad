# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Text files that name the scenes of a split, one a line."""

from __future__ import annotations

from pathlib import Path

from training.data.labelled_frames import DatasetError

SPLITS = ("train", "val", "test")
SPLITS_FOLDER = "splits"
"""Folder of a data set that holds the lists, ``<split>.txt``."""


def read_scene_list(path: Path) -> list[str]:
    """Names of scenes, which may have spaces; blank lines count for nothing.

    Raises:
        DatasetError: if the file can't be read, or a name has a slash.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    names = [line.strip() for line in lines if line.strip()]
    for name in names:
        if "/" in name:
            raise DatasetError(
                f"{path} should hold one scene a line, but has {name!r}; names of scenes have no "
                "slash"
            )
    return names
