# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The cameras of a recording."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from training.data.camera_matrix import camera_of_matrix
from training.data.defects import DefectError, DefectKind
from training.data.frame_checks import decode, read_bytes
from training.data.intrinsics import Intrinsics
from training.data.rgbd.number_files import Matrix, read_matrix

KINECT_SIZE = (640, 480)
PRIMESENSE = Intrinsics(*KINECT_SIZE, 525.0, 525.0, 319.5, 239.5)
"""Default of PrimeSense's sensors (Kinect, Xtion) whose driver has registered depth to colour, as
OpenNI, Open3D (`PinholeCameraIntrinsicParameters.PrimeSenseDefault`) and TUM's RGB-D benchmark give
it."""
INVALID_DEPTH = (0, 65535)


@dataclass(frozen=True, eq=False)
class Calibration:
    """The cameras of a recording.

    Attributes:
        source: who says so, for people.
        color: the colour camera; None where it is not known.
        depth: the depth camera; None where depth is registered to colour.
        depth_scale: of depth images' numbers for a metre.
        depth_invalid: numbers that mean no measurement.
        depth_to_color: a point of the depth camera's frame in the colour camera's, 4x4; None
            where they stand at one place.
        poses_of_depth: whether recorded poses are of the depth camera and not of the colour
            camera.
    """

    source: str
    color: Intrinsics | None = None
    depth: Intrinsics | None = None
    depth_scale: float = 1000.0
    depth_invalid: tuple[int, ...] = INVALID_DEPTH
    depth_to_color: Matrix | None = None
    poses_of_depth: bool = False

    def color_pose(self, pose: Matrix) -> Matrix:
        """Colour camera to world, 4x4, from a recorded pose."""
        if not self.poses_of_depth or self.depth_to_color is None:
            return pose
        return pose @ np.linalg.inv(self.depth_to_color)


def size_of_first(files: Iterable[Path]) -> tuple[int, int] | None:
    """Width and height of the first image that can be read; None where there is none."""
    for file in files:
        try:
            height, width = decode(read_bytes(file), file, cv2.IMREAD_UNCHANGED).shape[:2]
        except DefectError:  # which `prepare` lists when it checks every frame
            continue
        return width, height
    return None


def read_camera_matrix(path: Path, size: tuple[int, int]) -> Intrinsics:
    """A camera matrix in a text file.

    Raises:
        DefectError: if it is missing, malformed or of images of another size.
    """
    return camera_of_matrix(read_matrix(path), size, path)


def no_intrinsics(folder: Path, looked_for: str) -> DefectError:
    """For recordings of which nobody says what their cameras are."""
    return DefectError(
        DefectKind.MISSING_FILE,
        folder,
        f"{folder} does not say what its cameras are ({looked_for}); its frames are used without "
        "intrinsics: write a camera.yaml into it",
    )
