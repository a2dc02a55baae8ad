# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which folders are recordings, and of which layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from training.data.rgbd.plain_folders import PlainFoldersLayout
from training.data.rgbd.recording import RecordingLayout
from training.data.rgbd.redwood import RedwoodLayout
from training.data.rgbd.seven_scenes import SevenScenesLayout
from training.data.rgbd.tum import TumLayout

LAYOUTS: tuple[RecordingLayout, ...] = (
    SevenScenesLayout(),
    TumLayout(),
    RedwoodLayout(),
    PlainFoldersLayout(),
)
"""The first that matches counts: TUM's and Redwood's recordings have plain folders, too."""
_DEEPEST = 3


def layout_of(folder: Path) -> RecordingLayout | None:
    """The layout of a recording; None where the folder is none."""
    return next((layout for layout in LAYOUTS if layout.matches(folder)), None)


def recordings_below(root: Path) -> Iterator[Path]:
    """Folders that are recordings, in order: the root itself, or some up to three levels below."""
    yield from _below(root, _DEEPEST)


def _below(folder: Path, levels: int) -> Iterator[Path]:
    if layout_of(folder) is not None:
        yield folder
    elif levels:
        for path in sorted(folder.iterdir()):
            if path.is_dir() and not path.name.startswith("."):
                yield from _below(path, levels - 1)
