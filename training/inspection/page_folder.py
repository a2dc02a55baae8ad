# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The folder of a page: pictures beside it, that can be copied as a whole."""

from __future__ import annotations

import re
from pathlib import Path

from seg3d2d_ros.atomic_file import write_file
from training.data.labelled_frames import DatasetError
from training.inspection.pictures import Image, jpeg

PICTURES = "pictures"
PAGE = "index.html"
LIST = "pictures.txt"
"""Names of the pictures, one a line: what the next page in this folder may remove."""
_NAME = re.compile(r"\d+_[a-z_]+\.jpg")


class PageFolder:
    """Writes pictures; what an earlier page left of them is removed at the end.

    Nothing is removed or replaced that no page has written: each picture is listed before it is
    written, so that the list also has those of a page that was interrupted.

    Args:
        folder: made if absent.

    Raises:
        DatasetError: if it holds other things than an earlier page.
        OSError: if it can't be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written: set[str] = set()
        if folder.is_dir() and any(folder.iterdir()) and not (folder / LIST).is_file():
            raise DatasetError(
                f"{folder} holds things that no page of a scene has written; name an empty folder "
                "with --out, or one that is not there yet"
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._listed = _listed(folder / LIST)
        self._write_list(self._listed)  # before anything else, so that the folder is a page's
        (folder / PICTURES).mkdir(exist_ok=True)

    def add(self, number: int, kind: str, image: Image) -> str:
        """Write a picture of a frame.

        Args:
            number: of the frame.
            kind: of picture, letters and underscores.
            image: RGB (H, W, 3) uint8.

        Returns:
            The file's address, relative to the page.

        Raises:
            DatasetError: if there is a file of this name that no page has written.
            OSError: if it can't be written.
        """
        name = f"{number:04d}_{kind}.jpg"
        path = self.folder / PICTURES / name
        if name not in self._listed:
            if path.exists():
                raise DatasetError(
                    f"{path} is none of the pictures in {self.folder / LIST}, and the page would "
                    "replace it; move it away, or name another folder with --out"
                )
            with (self.folder / LIST).open("a", encoding="utf-8") as lines:
                lines.write(f"{name}\n")
            self._listed.add(name)
        write_file(path, jpeg(image))
        self._written.add(name)
        return f"{PICTURES}/{name}"

    def finish(self) -> None:
        """Remove pictures of earlier pages that this one does not show, and list its own.

        Raises:
            OSError: if one can't be removed, or the list can't be written.
        """
        for name in self._listed - self._written:
            (self.folder / PICTURES / name).unlink(missing_ok=True)
        self._write_list(self._written)

    def _write_list(self, names: set[str]) -> None:
        content = "".join(f"{name}\n" for name in sorted(names))
        write_file(self.folder / LIST, content.encode())

    def size(self) -> int:
        """Bytes of page and pictures."""
        files = [self.folder / PAGE, self.folder / LIST]
        files += [self.folder / PICTURES / name for name in self._written]
        return sum(file.stat().st_size for file in files)


def _listed(path: Path) -> set[str]:
    """Names in a list; nothing where there is none, and no line that can't be a picture's name."""
    if not path.is_file():
        return set()
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {line for line in lines if _NAME.fullmatch(line)}
