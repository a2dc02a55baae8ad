# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Label images of all frames of a recording, `<scene>_2d-label-filt.zip`."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError, DefectKind, unread
from training.data.frame_checks import decode
from training.data.image_files import encode_image
from training.data.scannet.label_table import LabelTable

_LARGEST_FILE = 1 << 26


class ProjectedLabels:
    """An open archive of ``label-filt/<frame>.png``, 16-bit images of ScanNet's own ids.

    Args:
        path: of the archive.
        table: the data set's labels.

    Raises:
        DefectError: if it can't be read.
    """

    def __init__(self, path: Path, table: LabelTable) -> None:
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except OSError as error:
            raise unread(path, error) from error
        except zipfile.BadZipFile as error:
            raise DefectError(
                DefectKind.DAMAGED_FILE, path, f"{path} is no archive ({error})"
            ) from error
        self._nyu40 = np.full(65536, -1, np.int16)
        self._nyu40[0] = 0
        for scannet, nyu40 in table.by_id.items():
            if 0 < scannet < len(self._nyu40) and 0 <= nyu40 <= 40:
                self._nyu40[scannet] = nyu40

    def __enter__(self) -> ProjectedLabels:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._archive.close()

    def png(self, number: int) -> bytes:
        """A frame's label image as an 8-bit PNG of NYU-40 ids, 0 where there is none.

        Raises:
            DefectError: if the archive lacks the frame, its file is damaged, or it holds an id
                that the table lacks.
        """
        member = f"label-filt/{number}.png"
        where = self.path / member
        try:
            if self._archive.getinfo(member).file_size > _LARGEST_FILE:
                raise zipfile.BadZipFile("it claims to be too large")
            content = self._archive.read(member)
        except KeyError as error:
            raise DefectError(
                DefectKind.MISSING_FILE, where, f"{self.path} lacks {member}; the frame is left out"
            ) from error
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
            raise DefectError(
                DefectKind.DAMAGED_FILE, where, f"{member} of {self.path} is damaged ({error})"
            ) from error
        ids = decode(content, where)
        if ids.ndim != 2 or ids.dtype not in (np.uint8, np.uint16):
            raise DefectError(
                DefectKind.UNREADABLE_IMAGE,
                where,
                f"{member} of {self.path} is no one-channel image of ids",
            )
        labels = self._nyu40[ids]
        if labels.min() < 0:
            unknown: npt.NDArray[np.int64] = np.unique(ids[labels < 0])[:5]
            raise DefectError(
                DefectKind.UNKNOWN_LABEL,
                where,
                f"{member} of {self.path} holds ids that the label table lacks "
                f"({', '.join(map(str, unknown))})",
            )
        return encode_image(".png", labels.astype(np.uint8))
