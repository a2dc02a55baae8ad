# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Colour frames from whatever holds them: a bag, a folder of images, a video, one image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.bag.camera_calibration import CameraCalibration

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".webp")
STORAGE_SUFFIXES = (".mcap", ".db3")
DEFAULT_FRAME_ID = "camera_optical_frame"
"""Frame of images that come without one: z forward, x right, y down (REP-103)."""


class FrameSourceError(Exception):
    """Frames can't be read; the message says in one sentence what, where and what to do."""


@dataclass(frozen=True)
class Frame:
    """One colour image of a recording.

    Attributes:
        stamp_ns: when it was taken, nanoseconds; for images and videos counted from 0.
        image: RGB, (H, W, 3) uint8; don't write to it.
        name: file stem, or running number, unique within the source and good as a file name.
        frame_id: coordinate frame of the camera.
    """

    stamp_ns: int
    image: npt.NDArray[np.uint8]
    name: str
    frame_id: str


@dataclass(frozen=True)
class FrameFault:
    """A frame that could not be read, and why, in one sentence."""

    name: str
    reason: str


class FrameSource(ABC):
    """Frames in the order of the recording; iterate again to start over.

    A frame that can't be decoded is left out and noted in ``faults``.

    Attributes:
        path: what was opened.
        calibration: intrinsics of the camera, None where the recording has none.
        faults: of the iteration that was begun last.
    """

    def __init__(self, path: Path, calibration: CameraCalibration | None = None) -> None:
        self.path = path
        self.calibration = calibration
        self.faults: list[FrameFault] = []

    @abstractmethod
    def __len__(self) -> int:
        """Number of frames, faulty ones counted; of a video what its header says."""

    @abstractmethod
    def _read(self) -> Iterator[Frame | FrameFault]: ...

    def __iter__(self) -> Iterator[Frame]:
        """Read the frames.

        Raises:
            FrameSourceError: if the recording is damaged so that reading can't go on.
        """
        self.faults = []
        for item in self._read():
            if isinstance(item, FrameFault):
                self.faults.append(item)
            else:
                yield item


def open_frame_source(
    path: str | Path, topic: str | None = None, *, rate: float | None = None
) -> FrameSource:
    """Open a recording.

    Args:
        path: a rosbag2 folder, a .mcap or .db3 file, a folder of images, a video or an image.
        topic: image topic of a bag; needed where a bag holds several cameras.
        rate: frames per second of a folder of images, which has no stamps; 15 if not given.

    Raises:
        FrameSourceError: if there is nothing to read, or it is damaged, or a choice is needed.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FrameSourceError(
            f"{path} does not exist; give a bag, a folder of images, a video or an image"
        )
    suffix = path.suffix.lower()
    ros1 = path.is_file() and suffix == ".bag"
    if ros1 or suffix in STORAGE_SUFFIXES or (path.is_dir() and _is_bag_folder(path)):
        from seg3d2d_ros.bag.rosbag_source import RosbagSource

        return RosbagSource(path, topic)
    if topic is not None:
        raise FrameSourceError(f"{path} is no bag, so it has no topic '{topic}'; leave it out")
    if path.is_dir() or suffix in IMAGE_SUFFIXES:
        from seg3d2d_ros.bag.folder_source import FolderSource

        return FolderSource(path, rate)
    from seg3d2d_ros.bag.video_source import VideoSource

    return VideoSource(path)


def _is_bag_folder(path: Path) -> bool:
    if (path / "metadata.yaml").is_file():
        return True
    return any(
        f.name.endswith((*STORAGE_SUFFIXES, ".mcap.zstd", ".db3.zstd")) for f in path.iterdir()
    )
