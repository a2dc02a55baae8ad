# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""One room from its number to its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from training.rendering.domain import Part
from training.rendering.furniture import Catalogue
from training.rendering.layout import furnish
from training.rendering.layouts.layout import RoomLayout
from training.rendering.pieces import made_in_code
from training.rendering.scene import THREADS


@dataclass(frozen=True)
class RoomJob:
    """Everything that determines one scene's files.

    Attributes:
        out: folder of the data set.
        index: number of the room.
        part: domain and split, whose models and parameters it uses.
        seed: of the data set.
        frames: number of them.
        size: width and height of pictures, labels and instances.
        furniture: folder of the models.
        kind: of room.
        carrier: of the camera in a recording; None for single views.
        scan: whether to reconstruct the room's mesh too.
        depth_size: width and height of depth images.
        layout: of the files.
        sens: whether to write the pictures as a recording too; only ScanNet's layout has one.
    """

    out: Path
    index: int
    part: Part
    seed: int
    frames: int
    size: tuple[int, int]
    furniture: Path
    kind: str
    carrier: str | None
    scan: bool
    depth_size: tuple[int, int]
    layout: RoomLayout
    sens: bool = False

    @property
    def name(self) -> str:
        """ScanNet's name of the scene."""
        return f"scene{self.index:04d}_00"

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.layout.done(self)

    def scan_rng(self) -> np.random.Generator:
        """Where the scanner stands."""
        return np.random.default_rng([self.seed, self.index, 0x5CA])


def render_room(job: RoomJob) -> Iterator[int]:
    """Make what is missing of one room's files, yielding 1 after each frame."""
    # OpenCV rounds differently on several threads, and the same seed must give the same bytes.
    cv2.setNumThreads(THREADS)
    parameters = job.part.generator(job.seed, job.index)
    catalogue = Catalogue.load(job.furniture).for_part(job.part, made_in_code())
    furnished = furnish(job.kind, catalogue, parameters)
    yield from job.layout.write(job, furnished, np.random.Generator(parameters.bit_generator))
