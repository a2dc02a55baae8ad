# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reader of images and labels in the layout of ScanNet's scannet_frames_25k."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.labels import LabelSpace


class DatasetError(ValueError):
    """A data set is absent or damaged; the message is one sentence."""


@dataclass(frozen=True)
class LabelledFrame:
    """Files of one frame."""

    scene: str
    name: str
    image: Path
    label: Path


class ScanNetFrames:
    """Frames of one split, in the order of scenes and frame numbers.

    The root holds ``scannet_frames_25k/<scene>/{color/*.jpg, label/*.png}`` and
    ``splits/<split>.txt`` with one scene a line.

    Args:
        root: folder of the data set.
        split: name of the file in ``splits``.
        label_space: classes to map to.
        source: label space of the files, a key of the label space's ``source_ids``.

    Raises:
        DatasetError: if the split, a scene or a label file is missing, or the split has no frame.
    """

    def __init__(
        self, root: str | Path, split: str, label_space: LabelSpace, source: str = "nyu40"
    ) -> None:
        self.root = Path(root)
        self.split = split
        self._table = label_space.lookup(source)
        listing = self.root / "splits" / f"{split}.txt"
        try:
            scenes = listing.read_text(encoding="utf-8").split()
        except OSError as error:
            raise DatasetError(
                f"{listing} cannot be read; the folder should hold a data set in ScanNet's "
                "frames layout, as 'python -m training rooms' writes one"
            ) from error
        self.frames = [frame for scene in scenes for frame in self._scene_frames(scene)]
        if not self.frames:
            raise DatasetError(f"the split {listing} has no frames")

    def _scene_frames(self, scene: str) -> list[LabelledFrame]:
        folder = self.root / "scannet_frames_25k" / scene
        images = sorted((folder / "color").glob("*.jpg"))
        if not images:
            raise DatasetError(
                f"{folder / 'color'} has no .jpg, but the split '{self.split}' names it"
            )
        frames = []
        for image in images:
            label = folder / "label" / f"{image.stem}.png"
            if not label.is_file():
                raise DatasetError(f"{label} is missing; {image} has no labels")
            frames.append(LabelledFrame(scene, image.stem, image, label))
        return frames

    def __len__(self) -> int:
        return len(self.frames)

    def load(self, index: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
        """Image (H, W, 3) uint8 RGB and labels (H, W) in the label space's ids and type.

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
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB), self._table[label]

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

    def __init__(self, parts: Sequence[ScanNetFrames]) -> None:
        self.parts = tuple(parts)
        self._ends = np.cumsum([len(part) for part in self.parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def load(self, index: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
        """Image and labels as :meth:`ScanNetFrames.load` gives them."""
        part = int(np.searchsorted(self._ends, index, "right"))
        return self.parts[part].load(index - int(self._ends[part]) + len(self.parts[part]))

    def fingerprint(self) -> str:
        """SHA-256 over the fingerprints of the parts."""
        lines = "".join(f"{part.fingerprint()}\n" for part in self.parts)
        return hashlib.sha256(lines.encode()).hexdigest()
