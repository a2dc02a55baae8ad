# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What the verb `rooms` asks of a writer of rooms."""

from __future__ import annotations

import contextlib
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from numpy.random import Generator

if TYPE_CHECKING:
    from training.rendering.layout import FurnishedRoom
    from training.rendering.room_job import RoomJob


class RoomLayout(ABC):
    """One data set's layout on disk; stateless, can be pickled."""

    default_size: ClassVar[tuple[int, int]] = (320, 240)
    """Width and height of pictures where the user names none."""
    pictures: ClassVar[int | None] = None
    """Number of each room's pictures where the layout fixes it."""
    aspect: ClassVar[int | None] = None
    """How many times as wide as high pictures are where the layout fixes it."""
    registered_depth: ClassVar[bool] = True
    """Whether depth images have the size of the pictures."""

    @abstractmethod
    def done(self, job: RoomJob) -> bool:
        """Whether nothing is left to do for one room."""

    @abstractmethod
    def frames_done(self, job: RoomJob) -> bool:
        """Whether the room's pictures are there."""

    @abstractmethod
    def write(self, job: RoomJob, furnished: FurnishedRoom, rng: Generator) -> Iterator[int]:
        """Write what is missing of one room, yielding 1 after each picture.

        Args:
            job: the room.
            furnished: its shell, furniture and light.
            rng: for the pictures, see :func:`training.rendering.room_frames.rendered_frames`.

        Raises:
            OSError: if something can't be written.
        """

    @abstractmethod
    def finish(self, out: Path, splits: dict[str, list[int]], jobs: Sequence[RoomJob]) -> None:
        """Write what belongs to no single room, once before the rooms and once after them.

        Called first when no room may be there yet, so that what is finished can be read meanwhile,
        and again when all are.

        Args:
            out: folder of the data set.
            splits: numbers of the wanted rooms by split.
            jobs: the wanted rooms.

        Raises:
            OSError: if something can't be written.
        """


@contextlib.contextmanager
def finished_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder that is renamed to `folder` when the block ends without error."""
    temporary = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
