# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The folder of a page: pictures beside it, that can be copied as a whole."""

from __future__ import annotations

import re
from pathlib import Path

from seg3d2d_ros.atomic_file import write_file
from training.inspection.pictures import Image, jpeg

PICTURES = "pictures"
PAGE = "index.html"
_OURS = re.compile(r"\d+_[a-z_]+\.jpg")


class PageFolder:
    """Writes pictures; what an earlier page left of them is removed at the end.

    Args:
        folder: made if absent.

    Raises:
        OSError: if it can't be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written: set[str] = set()
        (folder / PICTURES).mkdir(parents=True, exist_ok=True)

    def add(self, number: int, kind: str, image: Image) -> str:
        """Write a picture of a frame.

        Args:
            number: of the frame.
            kind: of picture, letters and underscores.
            image: RGB (H, W, 3) uint8.

        Returns:
            The file's address, relative to the page.

        Raises:
            OSError: if it can't be written.
        """
        name = f"{number:04d}_{kind}.jpg"
        write_file(self.folder / PICTURES / name, jpeg(image))
        self._written.add(name)
        return f"{PICTURES}/{name}"

    def remove_others(self) -> None:
        """Remove pictures that this page does not show.

        Raises:
            OSError: if one can't be removed.
        """
        for path in (self.folder / PICTURES).iterdir():
            if _OURS.fullmatch(path.name) and path.name not in self._written:
                path.unlink()

    def size(self) -> int:
        """Bytes of page and pictures."""
        files = [self.folder / PAGE, *(self.folder / PICTURES / name for name in self._written)]
        return sum(file.stat().st_size for file in files)
