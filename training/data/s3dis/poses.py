# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Camera poses of 2D-3D-Semantics' perspective images.

The README leaves the conventions open and issues #12, #16, #42, #50 and #51 of
github.com/alexsax/2D-3D-Semantics dispute them. What is taken here, and why:

- `camera_rt_matrix` is [R | t] from world to camera in the optical frame (z forward, x right, y
  down), so that a point X is seen at K (R X + t). It is so because R @ camera_location + t = 0 in
  the files, and because depth images and global XYZ images then agree to a step of depth.
- `final_camera_rotation` are XYZ Euler angles of the camera's orientation in Blender, whose cameras
  look along -z with y up. The optical frame turns the signs of y and z, which is what #50 found
  between the two fields. Only the matrix is read.
- World axes: z up, as in S3DIS' clouds. (The meshes `3d/*.obj` have y up, #45.)
- `camera_k_matrix` has its principal point at half of the image's size, 540 for 1080. Blender's
  axis goes through the image's middle, so the matrix counts from the corner of the image, and the
  first pixel's centre is at 0.5.
- `area_5b` has another origin and is turned by 90 degrees about z against `area_5a` and the clouds
  of Area_5 (#11, #40); see :data:`AREA_5_FROM_5B`.
- In `data`, depth is along the optical axis; in `pano` it is the distance, and those files are not
  read.

Nothing of this is trusted blindly: the place of each camera must be `camera_location`, and depth
must meet the room's points, see :mod:`training.data.s3dis.room_fit`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError, DefectKind
from training.data.frame_checks import read_bytes
from training.data.intrinsics import Intrinsics

AREA_5_FROM_5B = np.array(
    [[0, 1, 0, -4.09703582], [-1, 0, 0, 6.22617759], [0, 0, 1, 0], [0, 0, 0, 1]], np.float64
)
"""A point of area_5b's frame in the frame of area_5a and of the clouds of Area_5, metres.

The registration of the two meshes from issue #40. DeepViewAgg (Robert et al., CVPR 2022) has the
same rotation and (-4.10, 6.25, 0), found by eye, 2.4 cm away."""

FIRST_CENTRE = 0.5
"""Where `camera_k_matrix` has the centre of the first pixel."""
PLACE_TOLERANCE_M = 0.01
_WITHOUT = "the frame is used without pose and intrinsics"


@dataclass
class FrameCamera:
    """What a pose file says of one frame.

    Attributes:
        pose: camera to world, 4x4, metres, optical frame; None where it can't be used.
        intrinsics: pixel centres at integers; None where they can't be used.
        problems: why not.
    """

    pose: npt.NDArray[np.float64] | None = None
    intrinsics: Intrinsics | None = None
    problems: list[DefectError] = field(default_factory=list)


def read_frame_camera(path: Path, size: tuple[int, int] | None, *, area_5b: bool) -> FrameCamera:
    """Read a pose file; what is wrong with it is in the result.

    Args:
        path: of the JSON file.
        size: width and height of the frame's image; None where that is unknown.
        area_5b: whether it is of that part of Area 5; its pose is then brought to Area 5's frame.
    """
    camera = FrameCamera()
    try:
        fields = _read_json(path)
        if size is not None:
            camera.intrinsics = _intrinsics(fields, size, path)
    except DefectError as problem:
        camera.problems.append(problem)
        if problem.kind is not DefectKind.INTRINSICS_MISMATCH:
            return camera
    try:
        pose = _pose(fields, path)
        camera.pose = AREA_5_FROM_5B @ pose if area_5b else pose
    except DefectError as problem:
        camera.problems.append(problem)
    return camera


def _read_json(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(read_bytes(path))
    except ValueError as error:
        raise DefectError(
            DefectKind.DAMAGED_FILE, path, f"{path} is no readable JSON file ({error}); {_WITHOUT}"
        ) from error
    if not isinstance(fields, dict):
        raise DefectError(DefectKind.DAMAGED_FILE, path, f"{path} is no JSON object; {_WITHOUT}")
    for name in ("camera_k_matrix", "camera_rt_matrix", "camera_location"):
        if name not in fields:
            raise DefectError(DefectKind.DAMAGED_FILE, path, f"{path} lacks {name}; {_WITHOUT}")
    return fields


def _intrinsics(fields: dict[str, Any], size: tuple[int, int], path: Path) -> Intrinsics:
    width, height = size
    try:
        intrinsics = Intrinsics.from_matrix(
            _numbers(fields["camera_k_matrix"]), width, height, first_centre=FIRST_CENTRE
        )
    except ValueError as error:
        raise DefectError(
            DefectKind.INTRINSICS_MISMATCH,
            path,
            f"{path}: {error}; the frame is used without intrinsics",
        ) from error
    middle = ((width - 1) / 2, (height - 1) / 2)
    if max(abs(intrinsics.cx - middle[0]), abs(intrinsics.cy - middle[1])) > 1:
        raise DefectError(
            DefectKind.INTRINSICS_MISMATCH,
            path,
            f"{path} is of images of {2 * intrinsics.cx + 1:g}x{2 * intrinsics.cy + 1:g} pixels, "
            f"the frame's has {width}x{height}; the frame is used without intrinsics",
        )
    return intrinsics


def _pose(fields: dict[str, Any], path: Path) -> npt.NDArray[np.float64]:
    matrix = _numbers(fields["camera_rt_matrix"])
    place = _numbers(fields["camera_location"])
    shaped = matrix.shape in ((3, 4), (4, 4)) and place.shape == (3,)
    if not shaped or not (np.isfinite(matrix).all() and np.isfinite(place).all()):
        raise DefectError(
            DefectKind.LOST_POSE,
            path,
            f"{path}: camera_rt_matrix is no 3x4 matrix, or camera_location no place, of finite "
            "numbers; the frame is used without pose",
        )
    rotation, translation = matrix[:3, :3], matrix[:3, 3]
    proper = np.abs(rotation @ rotation.T - np.eye(3)).max() < 1e-3 and np.linalg.det(rotation) > 0
    centre = -rotation.T @ translation
    off = float(np.linalg.norm(centre - place))
    if not proper or off > PLACE_TOLERANCE_M:
        why = f"puts the camera {off:.2f} m from camera_location" if proper else "is no rotation"
        raise DefectError(
            DefectKind.LOST_POSE,
            path,
            f"{path}: camera_rt_matrix, read as world to camera, {why}; the frame is used without "
            "pose",
        )
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation.T, centre
    return pose


def _numbers(value: Any) -> npt.NDArray[np.float64]:
    """An array; not a number where the value is something else."""
    try:
        return np.array(value, np.float64)
    except (ValueError, TypeError):
        return np.array(np.nan)
