# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The layout of the Redwood data sets and of Open3D's reconstruction system.

A folder of colour images (`color`, `image` or `rgb`), `depth/`, and the poses of all frames in one
file: `trajectory.log` or else `odometry.log`, in which a pose takes a line of three numbers, the
first being the frame's place in the order, and four lines of the matrix camera to world; or
`trajectory.json`, Open3D's PinholeCameraTrajectory, whose matrices are world to camera by columns.
They may lie in `scene/` too. Intrinsics are in Open3D's JSON. Depth is registered to colour, in
millimetres.

Source: Redwood's page of the file format (redwood-data.org/indoor/fileformat.html), Open3D's
`PinholeCameraTrajectory` and `PinholeCameraIntrinsic`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from training.data.defects import DefectError, DefectKind
from training.data.intrinsics import Intrinsics
from training.data.rgbd.calibration import (
    KINECT_SIZE,
    PRIMESENSE,
    Calibration,
    camera_of,
    no_intrinsics,
    size_of_first,
)
from training.data.rgbd.image_folders import DEPTH_FOLDER, color_folder, depth_by_color, images
from training.data.rgbd.number_files import Matrix, checked_pose, parse_numbers, read_text
from training.data.rgbd.recording import Found, RecordedFrame, RecordingLayout

TRAJECTORIES = (
    "trajectory.log",
    "scene/trajectory.log",
    "trajectory.json",
    "scene/trajectory.json",
    "odometry.log",
)
"""The first that is there counts; odometry drifts, trajectories are what was made of it."""
INTRINSICS = (
    "camera_intrinsic.json",
    "camera_intrinsics.json",
    "intrinsic.json",
    "intrinsics.json",
)


class RedwoodLayout(RecordingLayout):
    """Folders of images and one file of poses."""

    name = "Redwood"

    def matches(self, folder: Path) -> bool:
        """Whether there are colour images and a file of poses."""
        return color_folder(folder) is not None and _trajectory(folder) is not None

    def find(self, folder: Path) -> Found:
        """Frames in the order of their names."""
        found = Found()
        place = color_folder(folder)
        file = _trajectory(folder)
        if place is None or file is None:
            return found
        colors = images(place)
        depths = depth_by_color(colors, folder / DEPTH_FOLDER, found)
        poses: dict[int, Matrix] = {}
        try:
            poses = _read_json(file)[0] if file.suffix == ".json" else _read_log(file)
        except DefectError as error:
            found.note(error)
        for index, color in enumerate(colors):
            pose = None
            try:
                if index in poses:
                    pose = checked_pose(poses[index], file, color.name)
                elif poses:
                    raise DefectError(
                        DefectKind.LOST_POSE,
                        file,
                        f"{file} has no pose of frame {index}, {color.name}; it is used without",
                    )
            except DefectError as error:
                found.note(error)
            found.frames.append(RecordedFrame(color.stem, color, depths.get(color), pose))
        beyond = sorted(index for index in poses if not 0 <= index < len(colors))
        if beyond:
            found.note(
                DefectError(
                    DefectKind.STRAY_FILE,
                    file,
                    f"{file} has {len(beyond)} poses of frames that are not there, the first of "
                    f"frame {beyond[0]}",
                )
            )
        return found

    def calibration(self, folder: Path, frames: list[RecordedFrame]) -> Calibration:
        """From Open3D's JSON; without one the default of PrimeSense's sensors, for their size.

        Raises:
            DefectError: if the intrinsics are malformed, or there are none and the images are of
                another size than PrimeSense's.
        """
        size = size_of_first(frame.color for frame in frames)
        if size is None:
            return Calibration("no colour image can be read")
        for name in INTRINSICS:
            if (folder / name).is_file():
                return Calibration(
                    str(folder / name), _camera(_load(folder / name), folder / name, size)
                )
        file = _trajectory(folder)
        if file is not None and file.suffix == ".json":
            return Calibration(str(file), _camera(_read_json(file)[1], file, size))
        if size != KINECT_SIZE:
            raise no_intrinsics(folder, f"none of {', '.join(INTRINSICS)}")
        return Calibration("default of PrimeSense's sensors, as no file gives another", PRIMESENSE)

    def inputs(self, folder: Path) -> list[Path]:
        """The folders of images and the files of poses and cameras."""
        place = color_folder(folder)
        files = [folder / name for name in (DEPTH_FOLDER, *TRAJECTORIES, *INTRINSICS)]
        return files if place is None else [place, *files]


def _trajectory(folder: Path) -> Path | None:
    return next((folder / name for name in TRAJECTORIES if (folder / name).is_file()), None)


def _read_log(path: Path) -> dict[int, Matrix]:
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    poses = {}
    for first in range(0, len(lines), 5):
        head = parse_numbers(lines[first].split(), path)
        numbers = parse_numbers(" ".join(lines[first + 1 : first + 5]).split(), path)
        if head.size != 3 or numbers.size != 16 or not np.isfinite(head).all():
            raise DefectError(
                DefectKind.DAMAGED_FILE,
                path,
                f"pose {first // 5} of {path} is malformed; a line of three numbers and four of "
                "four are wanted; the recording is used without poses",
            )
        poses[int(head[0])] = numbers.reshape(4, 4)
    return poses


def _load(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        raise DefectError(DefectKind.DAMAGED_FILE, path, f"{path} is no readable JSON") from error


def _read_json(path: Path) -> tuple[dict[int, Matrix], Any]:
    """Poses and the first camera's intrinsics."""
    try:
        parameters = _load(path)["parameters"]
        extrinsics = [
            np.array(entry["extrinsic"], np.float64).reshape(4, 4).T for entry in parameters
        ]
        camera = parameters[0]["intrinsic"]
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise DefectError(
            DefectKind.DAMAGED_FILE,
            path,
            f"{path} is no trajectory as Open3D writes it; the recording is used without poses",
        ) from error
    poses: dict[int, Matrix] = {}
    for index, extrinsic in enumerate(extrinsics):
        lost = not np.isfinite(extrinsic).all() or abs(np.linalg.det(extrinsic)) < 0.5
        poses[index] = (
            np.zeros((4, 4)) if lost else np.asarray(np.linalg.inv(extrinsic), np.float64)
        )
    return poses, camera


def _camera(value: Any, path: Path, size: tuple[int, int]) -> Intrinsics:
    try:
        matrix = np.array(value["intrinsic_matrix"], np.float64).reshape(3, 3).T
        stated = (int(value["width"]), int(value["height"]))
    except (TypeError, ValueError, KeyError) as error:
        raise DefectError(
            DefectKind.DAMAGED_FILE, path, f"{path} holds no intrinsics as Open3D writes them"
        ) from error
    if stated != size:
        raise DefectError(
            DefectKind.INTRINSICS_MISMATCH,
            path,
            f"{path} is for images of {stated[0]}x{stated[1]} pixels, those here have "
            f"{size[0]}x{size[1]}; they are used without intrinsics",
        )
    return camera_of(matrix, size, path)
