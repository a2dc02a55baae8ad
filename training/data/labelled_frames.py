# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Labelled frames of one split, whatever the layout of their files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.resizing import Affine, resize_matrix


class DatasetError(ValueError):
    """A data set is absent or damaged; the message is one sentence."""


@dataclass(frozen=True)
class LabelledFrame:
    """Files of one frame."""

    scene: str
    name: str
    image: Path
    label: Path


class LabelledFrames:
    """Frames in a fixed order.

    Args:
        split: name of the split.
        frames: their files.
        table: the id of each id in the label files, shape (65536,).
        size: height and width to which a protocol brings images and labels; None for their own.
    """

    def __init__(
        self,
        split: str,
        frames: Sequence[LabelledFrame],
        table: npt.NDArray[Any],
        size: tuple[int, int] | None = None,
    ) -> None:
        self.split = split
        self.frames = list(frames)
        self.size = size
        self._table = table

    def __len__(self) -> int:
        return len(self.frames)

    def load(self, index: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
        """Image (H, W, 3) uint8 RGB and labels (H, W) in the label space's ids and type.

        Raises:
            DatasetError: if a file cannot be read or the sizes differ.
        """
        image, labels, _ = self.load_with_matrix(index)
        return image, labels

    def load_with_matrix(
        self, index: int
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any], Affine]:
        """Image and labels as :meth:`load` gives them, and where the file's pixels are in them.

        Points of a frame are stored by their places in its image file. To follow an augmentation
        of what is returned here they need ``compose(augmentation, matrix)``.

        Returns:
            Image, labels, and the matrix, float64 (2, 3): of pixels of the image file to pixels of
            the returned image, see :func:`training.data.resizing.resize_matrix`.

        Raises:
            DatasetError: if a file cannot be read or the sizes differ.
        """
        frame = self.frames[index]
        image = cv2.imread(str(frame.image), cv2.IMREAD_COLOR)
        label = cv2.imread(str(frame.label), cv2.IMREAD_UNCHANGED)
        if image is None or label is None:
            broken = frame.image if image is None else frame.label
            raise DatasetError(f"{broken} cannot be read as an image")
        if label.ndim != 2 or label.shape != image.shape[:2]:
            raise DatasetError(
                f"{frame.label} is {label.shape}, its image {image.shape[:2]}; labels must be "
                "one-channel images of the same size"
            )
        size = self.size or label.shape
        matrix = resize_matrix(label.shape, size)
        if label.shape != size:
            image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
            label = cv2.resize(label, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB), self._table[label], matrix

    def fingerprint(self) -> str:
        """SHA-256 over the names and contents of all label files and the sizes of all images."""
        digest = hashlib.sha256()
        for frame in self.frames:
            size = frame.image.stat().st_size
            digest.update(f"{self.split} {frame.scene} {frame.name} {size}\n".encode())
            digest.update(frame.label.read_bytes())
        return digest.hexdigest()


class JoinedFrames:
    """Several data sets one after the other."""

    def __init__(self, parts: Sequence[LabelledFrames]) -> None:
        self.parts = tuple(parts)
        self._ends = np.cumsum([len(part) for part in self.parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def load(self, index: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
        """Image and labels as :meth:`LabelledFrames.load` gives them."""
        part, position = self.place(index)
        return part.load(position)

    def place(self, index: int) -> tuple[LabelledFrames, int]:
        """The data set that has a frame, and the frame's position in it."""
        number = int(np.searchsorted(self._ends, index, "right"))
        part = self.parts[number]
        return part, index - int(self._ends[number]) + len(part)

    def fingerprint(self) -> str:
        """SHA-256 over the fingerprints of the parts."""
        lines = "".join(f"{part.fingerprint()}\n" for part in self.parts)
        return hashlib.sha256(lines.encode()).hexdigest()
