# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The plainest layout: one folder for each kind of file, of the same names.

`color/` (or `rgb`, `image`), `depth/`, `pose/<name>.txt` (4x4 camera to world) and, if there are
any, `label/<name>.png` (NYU-40 ids, 0 = none). Intrinsics are 3x3 or 4x4 numbers: `intrinsics.txt`
of one camera for both, or `intrinsics_color.txt` and `intrinsics_depth.txt`; also as ScanNet's
tools export them, `intrinsic/intrinsic_color.txt` and `intrinsic/intrinsic_depth.txt`. Depth is in
millimetres.
"""

from __future__ import annotations

from pathlib import Path

from training.data.defects import DefectError, DefectKind
from training.data.rgbd.calibration import (
    Calibration,
    no_intrinsics,
    read_camera,
    size_of_first,
)
from training.data.rgbd.image_folders import DEPTH_FOLDER, color_folder, depth_by_color, images
from training.data.rgbd.number_files import read_pose
from training.data.rgbd.recording import Found, RecordedFrame, RecordingLayout

_COLOR = (
    "intrinsics_color.txt",
    "intrinsic_color.txt",
    "intrinsic/intrinsic_color.txt",
    "intrinsics.txt",
    "intrinsic.txt",
)
_DEPTH = ("intrinsics_depth.txt", "intrinsic_depth.txt", "intrinsic/intrinsic_depth.txt")


class PlainFoldersLayout(RecordingLayout):
    """`color/`, `depth/`, `pose/`, `label/`."""

    name = "plain folders"

    def matches(self, folder: Path) -> bool:
        """Whether there are folders of colour and of depth or poses."""
        return color_folder(folder) is not None and any(
            (folder / name).is_dir() for name in (DEPTH_FOLDER, "pose")
        )

    def find(self, folder: Path) -> Found:
        """Frames in the order of their names, numbers as people count."""
        found = Found()
        place = color_folder(folder)
        if place is None:
            return found
        colors = images(place)
        depths = depth_by_color(colors, folder / DEPTH_FOLDER, found)
        poses = folder / "pose"
        if not poses.is_dir():
            found.note(
                DefectError(
                    DefectKind.MISSING_FILE,
                    poses,
                    f"{poses} is no folder; the recording is used without poses",
                )
            )
        for color in colors:
            pose = None
            try:
                if poses.is_dir():
                    pose = read_pose(poses / f"{color.stem}.txt", color.name)
            except DefectError as error:
                found.note(error)
            label = folder / "label" / f"{color.stem}.png"
            found.frames.append(
                RecordedFrame(
                    color.stem,
                    color,
                    depths.get(color),
                    pose,
                    label if label.is_file() else None,
                )
            )
        return found

    def calibration(self, folder: Path, frames: list[RecordedFrame]) -> Calibration:
        """From the files beside the folders.

        Raises:
            DefectError: if they are missing or malformed.
        """
        size = size_of_first(frame.color for frame in frames)
        if size is None:
            return Calibration("no colour image can be read")
        color_file, depth_file = _first(folder, _COLOR), _first(folder, _DEPTH)
        if color_file is None:
            raise no_intrinsics(folder, "no intrinsics.txt or intrinsics_color.txt")
        color = read_camera(color_file, size)
        depth_size = size_of_first(frame.depth for frame in frames if frame.depth is not None)
        if depth_file is None or depth_size is None:
            return Calibration(str(color_file), color)
        depth = read_camera(depth_file, depth_size)
        return Calibration(
            f"{color_file} and {depth_file.name}", color, depth if depth != color else None
        )

    def inputs(self, folder: Path) -> list[Path]:
        """The folders of images and poses and the cameras' files."""
        place = color_folder(folder)
        files = [folder / name for name in (DEPTH_FOLDER, "pose", "label", *_COLOR, *_DEPTH)]
        return files if place is None else [place, *files]


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
