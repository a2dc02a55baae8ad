# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What every layout of a recording amounts to, and what a reader of one does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from training.data.defects import Defect, DefectError
from training.data.rgbd.calibration import Calibration
from training.data.rgbd.number_files import Matrix


@dataclass(frozen=True, eq=False)
class RecordedFrame:
    """One frame's files.

    Attributes:
        name: unlike any other of the recording.
        color: image file.
        depth: image file; None where there is none.
        pose: camera to world, 4x4, metres, of the camera that the calibration names; None where
            it is lost.
        label: image file of NYU-40 ids; None where there is none.
    """

    name: str
    color: Path
    depth: Path | None = None
    pose: Matrix | None = None
    label: Path | None = None


@dataclass
class Found:
    """What was found in a folder.

    Attributes:
        frames: in the order in which they were taken.
        defects: of files; scenes are entered by who knows their name.
    """

    frames: list[RecordedFrame] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)

    def note(self, error: DefectError, *, dropped: bool = False) -> None:
        """Enter a defect; by default the frame is used without what is missing."""
        self.defects.append(error.defect(dropped=dropped))


class RecordingLayout(ABC):
    """One way of laying a recording's files out; stateless."""

    name: ClassVar[str]

    @abstractmethod
    def matches(self, folder: Path) -> bool:
        """Whether a folder holds a recording of this layout; cheap."""

    @abstractmethod
    def find(self, folder: Path) -> Found:
        """The recording's frames; what is wrong with a file is a defect and no exception."""

    @abstractmethod
    def calibration(self, folder: Path, frames: list[RecordedFrame]) -> Calibration:
        """What the folder or the layout's documentation says of the cameras.

        Raises:
            DefectError: if that is missing or malformed.
        """

    @abstractmethod
    def inputs(self, folder: Path) -> list[Path]:
        """Files, there or not, and folders at which the two others look; cheap."""
