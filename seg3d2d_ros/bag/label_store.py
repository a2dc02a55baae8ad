# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The labels of a begun job in a folder, from which an interrupted job goes on."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import lz4.frame
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.atomic_file import write_file

_JOB = "job.json"
_LOCK = "lock"
_LABELS = "labels"

_FORMAT = 1
"""Of the file of labels; another number wherever what follows here changes."""

_MAGIC = b"LABL"
"""Where a record begins. Behind one whose size is damaged there is something else."""
_HEADER = struct.Struct("<4sIIIII")
"""Magic, image's index, height, width, bytes of a pixel, bytes of the LZ4 frame that follows."""
_CHECKSUM = struct.Struct("<I")
"""CRC-32 of header and frame, behind them."""


class BagLabelError(Exception):
    """A bag can't be labelled; the message says in one sentence what, where and what to do."""


class LabelStore:
    """Label images in a file of a folder that belongs to one job.

    The file is a row of records, each with a checksum: a header, then the pixels as an LZ4 frame,
    for time is dearer here than room. Whatever ends the process, at most the last record is torn;
    it is taken away when the job goes on. A record that is damaged otherwise counts as not there,
    and so do all behind one whose magic or size is. Of two records of one image the later counts.

    All methods raise OSError where the folder can't be read or written.

    Args:
        folder: made when the job begins, and removed when it is done.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = -1
        self._records: dict[int, tuple[int, int]] = {}  # index: place and size in the file
        self._end = 0

    @contextlib.contextmanager
    def held(self, job: Mapping[str, Any]) -> Iterator[None]:
        """Begin a job, or go on with it, while no other process does.

        Args:
            job: what the labels depend on, as JSON has it.

        Raises:
            BagLabelError: if another process is at it, or the folder belongs to another job, which
                then is as it was.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BagLabelError(
                    f"another process is writing {self.folder}; wait for it, or choose another "
                    "name for the new bag"
                ) from error
            with (self.folder / _LABELS).open("ab+", buffering=0) as file:
                self._file = file.fileno()
                self._claim(json.dumps({"format": _FORMAT, **job}, indent=1).encode())
                try:
                    yield
                finally:
                    if self.is_empty():
                        self.remove()

    def _claim(self, job: bytes) -> None:
        file = self.folder / _JOB
        if any(self.folder.glob("*.png")):
            raise BagLabelError(
                f"{self.folder} holds labels that an older version of seg3d2d began; remove it, "
                "and the same command starts anew"
            )
        if not file.exists():  # what is left of a job whose removal was interrupted
            os.ftruncate(self._file, 0)
        elif os.fstat(self._file).st_size and file.read_bytes() != job:
            raise BagLabelError(
                f"{self.folder} holds the begun labels of another bag, camera, model, backend or "
                "version of seg3d2d; remove it, or choose another name for the new bag"
            )
        self._find_records()
        os.ftruncate(self._file, self._end)
        if self.is_empty():
            write_file(file, job)

    def _find_records(self) -> None:
        """Look through the file up to its end or where no record can be."""
        self._records, self._end = {}, 0
        place, file_size = 0, os.fstat(self._file).st_size
        while place + _HEADER.size <= file_size:
            magic, index, *_, frame_size = _HEADER.unpack(os.pread(self._file, _HEADER.size, place))
            size = _HEADER.size + frame_size + _CHECKSUM.size
            if magic != _MAGIC or place + size > file_size:
                break
            if _is_whole(os.pread(self._file, size, place), size):
                self._records[index] = (place, size)
                self._end = place + size
            place += size

    def __contains__(self, index: int) -> bool:
        return index in self._records

    def __len__(self) -> int:
        return len(self._records)

    def indices(self) -> frozenset[int]:
        """Of the images that have labels now."""
        return frozenset(self._records)

    def is_empty(self) -> bool:
        """Whether there is no label image."""
        return not self._records

    def write(self, index: int, labels: npt.NDArray[Any]) -> None:
        """Keep a label image, (H, W) uint8 or uint16."""
        frame = lz4.frame.compress(np.ascontiguousarray(labels, f"<u{labels.itemsize}"))
        header = _HEADER.pack(_MAGIC, index, *labels.shape, labels.itemsize, len(frame))
        content = header + frame
        record = content + _CHECKSUM.pack(zlib.crc32(content))
        try:
            left = memoryview(record)
            while left:  # what fits is written before the lack of room is told
                left = left[os.write(self._file, left) :]
        except OSError:
            os.ftruncate(self._file, self._end)
            raise
        self._records[index] = (self._end, len(record))
        self._end += len(record)

    def read(self, index: int) -> npt.NDArray[Any]:
        """A label image as it was written.

        Raises:
            BagLabelError: if it has been damaged since.
        """
        place, size = self._records[index]
        record = os.pread(self._file, size, place)
        if not _is_whole(record, size):
            raise BagLabelError(
                f"{self.folder / _LABELS} has been damaged; the same command labels anew what is "
                "lost, and goes on"
            )
        _, _, height, width, pixel_bytes, _ = _HEADER.unpack_from(record)
        pixels = lz4.frame.decompress(memoryview(record)[_HEADER.size : -_CHECKSUM.size])
        labels: npt.NDArray[Any] = np.frombuffer(pixels, f"<u{pixel_bytes}").reshape(height, width)
        return labels

    def remove(self) -> None:
        """Remove the folder, as far as that can be done."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _is_whole(record: bytes, size: int) -> bool:
    if len(record) < size:
        return False
    content = memoryview(record)[: -_CHECKSUM.size]
    return _CHECKSUM.unpack_from(record, len(content)) == (zlib.crc32(content),)
