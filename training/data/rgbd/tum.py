# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The layout of TUM's RGB-D benchmark.

`rgb.txt` and `depth.txt` list a time stamp in seconds and an image file a line, `groundtruth.txt` a
time stamp, the colour camera's place and its turn as a quaternion: tx ty tz qx qy qz qw, camera to
world; lines with # are remarks. Depth is registered to colour, 5000 for a metre.

Source: Sturm et al. 2012 and the benchmark's page "file formats", which also recommends the
driver's default intrinsics.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation, Slerp

from training.data.defects import DefectError, DefectKind
from training.data.rgbd.calibration import (
    KINECT_SIZE,
    PRIMESENSE,
    Calibration,
    no_intrinsics,
    size_of_first,
)
from training.data.rgbd.image_folders import no_color, no_depth
from training.data.rgbd.number_files import Matrix, parse_numbers, read_text
from training.data.rgbd.recording import Found, RecordedFrame, RecordingLayout

LONGEST_S = 0.02
"""What is further apart in time does not belong together."""
DEPTH_SCALE = 5000.0
Times = npt.NDArray[np.float64]


class TumLayout(RecordingLayout):
    """Lists of time stamps and files."""

    name = "TUM"

    def matches(self, folder: Path) -> bool:
        """Whether the list of colour images is there."""
        return (folder / "rgb.txt").is_file()

    def find(self, folder: Path) -> Found:
        """Frames in the order of time."""
        found = Found()
        try:
            times, colors = _read_list(folder / "rgb.txt")
        except DefectError as error:
            found.note(error, dropped=True)
            return found
        depth_times: Times = np.empty(0)
        depths: list[Path] = []
        track = None
        try:
            depth_times, depths = _read_list(folder / "depth.txt")
        except DefectError as error:
            found.note(error)
        try:
            track = Track.read(folder / "groundtruth.txt")
        except DefectError as error:
            found.note(error)
        pairs = associate(times, depth_times, LONGEST_S)
        for index, (time, color) in enumerate(zip(times.tolist(), colors, strict=True)):
            depth = depths[pairs[index]] if index in pairs else None
            if depth is None and depths:
                found.note(no_depth(color))
            pose = None
            if track is not None:
                try:
                    pose = track.at(time)
                except DefectError as error:
                    found.note(error)
            found.frames.append(RecordedFrame(color.stem, color, depth, pose))
        for index in sorted(set(range(len(depths))) - set(pairs.values())):
            found.note(no_color(depths[index]), dropped=True)
        return found

    def calibration(self, folder: Path, frames: list[RecordedFrame]) -> Calibration:
        """The driver's default, which the benchmark recommends.

        Raises:
            DefectError: if the images are of another size than the benchmark's.
        """
        size = size_of_first(frame.color for frame in frames)
        if size is None:
            return Calibration("no colour image can be read", depth_scale=DEPTH_SCALE)
        if size != KINECT_SIZE:
            raise no_intrinsics(folder, "TUM's own are for 640x480 pixels")
        return Calibration(
            "default of the sensor's driver, which TUM's benchmark recommends",
            PRIMESENSE,
            depth_scale=DEPTH_SCALE,
        )

    def inputs(self, folder: Path) -> list[Path]:
        """The lists, and the folders of the images that they name."""
        lists = [folder / name for name in ("rgb.txt", "depth.txt")]
        folders: set[Path] = set()
        for file in lists:
            try:
                folders |= {image.parent for image in _read_list(file)[1]}
            except DefectError:  # a defect when the recording is read
                continue
        return [*lists, folder / "groundtruth.txt", *sorted(folders)]


def associate(first: Times, second: Times, longest: float) -> dict[int, int]:
    """Pair time stamps, the nearest first; each belongs to one pair at most.

    Args:
        first: seconds, in any order.
        second: likewise.
        longest: difference within a pair, seconds.

    Returns:
        Indices of the second by those of the first.
    """
    if not len(second):
        return {}
    order = np.argsort(second, kind="stable")
    candidates = []
    for index, time in enumerate(first.tolist()):
        low, high = np.searchsorted(second[order], [time - longest, time + longest])
        for other in order[max(low - 1, 0) : high + 1].tolist():
            # Differences of large numbers of seconds are good to some 1e-7.
            if abs(time - second[other]) <= longest + 1e-6:
                candidates.append((abs(time - float(second[other])), index, other))
    pairs: dict[int, int] = {}
    taken = set()
    for _, index, other in sorted(candidates):
        if index not in pairs and other not in taken:
            pairs[index] = other
            taken.add(other)
    return pairs


class Track:
    """A camera's way through time.

    Args:
        times: float64 (N,), seconds, rising.
        places: (N, 3), metres.
        quaternions: (N, 4), x y z w.
        path: of the file, for messages.
    """

    def __init__(self, times: Times, places: Matrix, quaternions: Matrix, path: Path) -> None:
        self._times = times
        self._places = places
        self._path = path
        self._turn = Slerp(times, Rotation.from_quat(quaternions)) if len(times) > 1 else None
        self._only = Rotation.from_quat(quaternions[0])

    @classmethod
    def read(cls, path: Path) -> Track:
        """A file of poses.

        Raises:
            DefectError: if it is missing, malformed or empty.
        """
        rows = []
        for words in _lines(path):
            numbers = parse_numbers(words, path)
            if numbers.size != 8:
                raise DefectError(
                    DefectKind.DAMAGED_FILE,
                    path,
                    f"{path} has a line of {numbers.size} numbers; a pose has 8 (time, place, "
                    "quaternion); the recording is used without poses",
                )
            if np.isfinite(numbers).all() and abs(np.linalg.norm(numbers[4:]) - 1) < 0.01:
                rows.append(numbers)  # others are where the tracking was lost
        if not rows:
            raise DefectError(DefectKind.DAMAGED_FILE, path, f"{path} holds no pose")
        table = np.array(rows)
        _, first = np.unique(table[:, 0], return_index=True)
        table = table[first]
        return cls(table[:, 0], table[:, 1:4], table[:, 4:], path)

    def at(self, time: float) -> Matrix:
        """The pose at a time, between its two neighbours: places linearly, turns spherically.

        Raises:
            DefectError: if no time stamp is near.
        """
        if np.abs(self._times - time).min() > LONGEST_S + 1e-6:
            raise DefectError(
                DefectKind.LOST_POSE,
                self._path,
                f"{self._path} has no pose within {1000 * LONGEST_S:g} ms of {time:.6f} s; the "
                "frame of that time is used without",
            )
        within = float(np.clip(time, self._times[0], self._times[-1]))
        pose = np.eye(4)
        turn = self._only if self._turn is None else self._turn(within)
        pose[:3, :3] = turn.as_matrix()
        pose[:3, 3] = [np.interp(within, self._times, self._places[:, k]) for k in range(3)]
        return pose


def _lines(path: Path) -> list[list[str]]:
    lines = (line.split() for line in read_text(path).splitlines())
    return [words for words in lines if words and not words[0].startswith("#")]


def _read_list(path: Path) -> tuple[Times, list[Path]]:
    lines = _lines(path)
    times = parse_numbers([words[0] for words in lines], path)
    if not np.isfinite(times).all() or any(len(words) < 2 for words in lines):
        raise DefectError(
            DefectKind.DAMAGED_FILE,
            path,
            f"{path} has a line that is no time stamp and file name",
        )
    order = np.argsort(times, kind="stable")
    return times[order], [path.parent / lines[k][1] for k in order]
