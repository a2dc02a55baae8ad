# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where S3DIS' clouds and 2D-3D-Semantics' images lie on disk.

The two are separate downloads. Below one root, or one folder further down, there may be
`Area_1` ... `Area_6` with clouds (from Stanford3dDataset_v1.2) and `area_1` ... `area_6`, Area 5 in
`area_5a` and `area_5b`, with images.
"""

from __future__ import annotations

import re
from collections import defaultdict
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

    def frames(self, room: str) -> dict[str, set[str]]:
        """Names up to `_domain_` by kind of file (those of ``SUFFIXES``), of one room."""
        return self.frames_by_room()[room]

    def has_room(self, room: str) -> bool:
        """Whether there is any file of a room."""
        return room in self.frames_by_room()

    def frames_by_room(self) -> dict[str, dict[str, set[str]]]:
        """Names up to `_domain_` by room and kind of file."""
        rooms: dict[str, dict[str, set[str]]] = defaultdict(
            lambda: {kind: set() for kind in SUFFIXES}
        )
        for kind, suffix in SUFFIXES.items():
            for name in _names(self.data / kind):
                match = FRAME.fullmatch(name[: -len(suffix)]) if name.endswith(suffix) else None
                if match:
                    rooms[match["room"]][kind].add(match.group())
        return rooms

    def strangers(self) -> list[Path]:
        """Files whose names are not of any frame."""
        return [
            self.data / kind / name
            for kind, suffix in SUFFIXES.items()
            for name in _names(self.data / kind)
            if not (name.endswith(suffix) and FRAME.fullmatch(name[: -len(suffix)]))
        ]


def _names(folder: Path) -> list[str]:
    """Of the files that are not hidden."""
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


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
        return [
            place for place in wanted if any(_names(place / "data" / kind) for kind in SUFFIXES)
        ]
    return wanted
