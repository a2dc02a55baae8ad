# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The labels of a begun job in a folder, from which an interrupted job goes on."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.atomic_file import write_file

_JOB = "job.json"
_LOCK = "lock"


class BagLabelError(Exception):
    """A bag can't be labelled; the message says in one sentence what, where and what to do."""


class LabelStore:
    """Label images as ``<index>.png`` in a folder that belongs to one job.

    All methods raise OSError where the folder can't be read or written.

    Args:
        folder: made when the job begins, and removed when it is done.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def held(self, job: Mapping[str, Any]) -> Iterator[None]:
        """Begin a job, or go on with it, while no other process does.

        Args:
            job: what the labels depend on, as JSON has it.

        Raises:
            BagLabelError: if another process is at it, or the folder belongs to another job.
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
            self._claim(json.dumps(job, indent=1))
            try:
                yield
            finally:
                if self.is_empty():
                    self.remove()

    def _claim(self, job: str) -> None:
        file = self.folder / _JOB
        if not file.exists() or self.is_empty():
            for label in self.folder.glob("*.png"):  # of a job whose removal was interrupted
                label.unlink()
            write_file(file, job.encode())
        elif file.read_text() != job:
            raise BagLabelError(
                f"{self.folder} holds the begun labels of another bag, camera, model or backend; "
                "remove it, or choose another name for the new bag"
            )

    def __contains__(self, index: int) -> bool:
        return self._file(index).exists()

    def is_empty(self) -> bool:
        """Whether there is no label image."""
        return not any(self.folder.glob("*.png"))

    def write(self, index: int, labels: npt.NDArray[Any]) -> None:
        """Keep a label image, (H, W) uint8 or uint16.

        Raises:
            BagLabelError: if OpenCV can't encode it.
        """
        encoded, data = cv2.imencode(".png", labels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        if not encoded:
            raise BagLabelError("OpenCV can't write PNG here; install opencv-python-headless again")
        write_file(self._file(index), data.tobytes())

    def read(self, index: int) -> npt.NDArray[Any]:
        """A label image as it was written.

        Raises:
            BagLabelError: if it is damaged.
        """
        file = self._file(index)
        data = np.frombuffer(file.read_bytes(), np.uint8)
        labels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
        if labels is None:
            raise BagLabelError(f"{file} is damaged; remove it, and the same command goes on")
        return labels

    def remove(self) -> None:
        """Remove the folder, as far as that can be done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, index: int) -> Path:
        return self.folder / f"{index:06d}.png"
