# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where S3DIS' clouds and 2D-3D-Semantics' images lie on disk.

The two are separate downloads. Below one root, or one folder further down, there may be
`Area_1` ... `Area_6` with clouds (from Stanford3dDataset_v1.2) and `area_1` ... `area_6`, Area 5 in
`area_5a` and `area_5b`, with images.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

ROOM = re.compile(r"[A-Za-z]+_\d+")
FRAME = re.compile(r"camera_[0-9A-Za-z]+_(?P<room>[A-Za-z]+_\d+)_frame_\d+")
SUFFIXES = {
    "rgb": "_domain_rgb.png",
    "depth": "_domain_depth.png",
    "semantic": "_domain_semantic.png",
    "pose": "_domain_pose.json",
}
"""End of the files' names by folder."""


@dataclass(frozen=True)
class ImageFolder:
    """Perspective images of an area, or of a half of Area 5.

    Attributes:
        data: `area_i/data`.
        area_5b: whether its poses are in the frame of area_5b.
    """

    data: Path
    area_5b: bool

    def kinds(self) -> set[str]:
        """Kinds of files that are there at all, of ``SUFFIXES``."""
        return {kind for kind in SUFFIXES if _has_files(self.data / kind)}

    def rooms(self) -> set[str]:
        """Rooms that have any file."""
        return {
            match["room"]
            for kind in SUFFIXES
            for name in _names(self.data / kind)
            if (match := _frame(name, kind))
        }

    def frames(self, room: str) -> dict[str, set[str]]:
        """Names up to `_domain_` by kind of file, of one room."""
        marker = f"_{room}_frame_"  # which most names lack, and a search is fast
        return {
            kind: {
                match.group()
                for name in _names(self.data / kind)
                if marker in name and (match := _frame(name, kind)) and match["room"] == room
            }
            for kind in SUFFIXES
        }

    def files(self) -> dict[str, list[str]]:
        """All rooms' files relative to ``data``, by room; each folder is listed once."""
        found: dict[str, list[str]] = {}
        for kind in SUFFIXES:
            for name in _names(self.data / kind):
                if match := _frame(name, kind):
                    found.setdefault(match["room"], []).append(f"{kind}/{name}")
        return found

    def strangers(self) -> list[Path]:
        """Files whose names are not of any frame."""
        return [
            self.data / kind / name
            for kind in SUFFIXES
            for name in sorted(_names(self.data / kind))
            if not _frame(name, kind)
        ]


def _frame(name: str, kind: str) -> re.Match[str] | None:
    suffix = SUFFIXES[kind]
    return FRAME.fullmatch(name[: -len(suffix)]) if name.endswith(suffix) else None


def _names(folder: Path) -> list[str]:
    """Of the files that are not hidden."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if not entry.name.startswith(".")]


def _has_files(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(not entry.name.startswith(".") for entry in entries)


def cloud_folder(root: Path, area: int) -> Path | None:
    """`Area_i` with clouds; the aligned version only where there is no other."""
    found = [
        folder
        for folder in _below(root, f"Area_{area}")
        if any(ROOM.fullmatch(path.name) and path.is_dir() for path in folder.iterdir())
    ]
    return min(found, key=lambda folder: (is_aligned(folder), folder), default=None)


def cloud_rooms(folder: Path) -> list[str]:
    """Rooms of an `Area_i`."""
    return sorted(
        path.name for path in folder.iterdir() if ROOM.fullmatch(path.name) and path.is_dir()
    )


def is_aligned(folder: Path) -> bool:
    """Whether clouds are of the aligned version, by the name of its folder."""
    return "aligned" in folder.parent.resolve().name.lower()


def image_folders(root: Path, area: int) -> list[ImageFolder]:
    """The folders with an area's images; none where there are no images."""
    return [
        ImageFolder(folder / "data", half == "b")
        for half in (("a", "b") if area == 5 else ("",))
        for folder in _below(root, f"area_{area}{half}")[:1]
    ]


def _below(root: Path, name: str) -> list[Path]:
    places = [root / name, *(path / name for path in sorted(root.iterdir()) if path.is_dir())]
    wanted = [place for place in places if place.is_dir()]
    if name.islower():
        return [place for place in wanted if ImageFolder(place / "data", False).kinds()]
    return wanted
