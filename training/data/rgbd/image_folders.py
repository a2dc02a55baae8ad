# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of colour and of depth images that belong together by their names."""

from __future__ import annotations

import re
from pathlib import Path

from training.data.defects import DefectError, DefectKind
from training.data.prepare import IMAGE_SUFFIXES
from training.data.rgbd.recording import Found

DEPTH_FOLDER = "depth"
COLOR_FOLDERS = ("color", "rgb", "image")


def color_folder(folder: Path) -> Path | None:
    """The folder of colour images; None where there is none."""
    for name in COLOR_FOLDERS:
        if (folder / name).is_dir():
            return folder / name
    return None


def in_order(path: Path) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts names with numbers as people count: 2 before 10."""
    parts = re.findall(r"\d+|\D+", path.name)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def images(folder: Path) -> list[Path]:
    """Image files of a folder in order; none where it is missing."""
    if not folder.is_dir():
        return []
    return sorted(
        (
            path
            for path in folder.iterdir()
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
        ),
        key=in_order,
    )


def depth_by_color(colors: list[Path], folder: Path, found: Found) -> dict[Path, Path]:
    """Depth image of each colour image that has one in a folder; the others are defects.

    They are of one name, or, where no name is alike (some recorders put the time into it), of one
    number at the beginning.
    """
    depths = images(folder)
    if not depths:
        found.note(
            DefectError(
                DefectKind.MISSING_FILE,
                folder,
                f"{folder} has no depth images; the recording is used without them",
            )
        )
        return {}
    by_name = {path.stem: path for path in depths}
    pairs = {path: by_name[path.stem] for path in colors if path.stem in by_name}
    if not pairs:
        by_number = {_number(path): path for path in depths}
        by_number.pop(None, None)
        pairs = {path: by_number[_number(path)] for path in colors if _number(path) in by_number}
    for path in colors:
        if path not in pairs:
            found.note(no_depth(path))
    for path in sorted(set(depths) - set(pairs.values()), key=in_order):
        found.note(no_color(path), dropped=True)
    return pairs


def _number(path: Path) -> int | None:
    match = re.match(r"\d+", path.stem)
    return int(match[0]) if match else None


def no_depth(color: Path) -> DefectError:
    """For a colour image without a depth image."""
    return DefectError(
        DefectKind.MISSING_FILE, color, f"{color} has no depth image; it is used without one"
    )


def no_color(depth: Path) -> DefectError:
    """For a depth image without a colour image."""
    return DefectError(
        DefectKind.STRAY_FILE, depth, f"{depth} belongs to no colour image; it is left out"
    )
