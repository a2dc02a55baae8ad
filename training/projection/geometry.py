# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where one frame's cameras stand and what they see."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError, DefectKind
from training.data.frame_checks import is_pose
from training.data.intrinsics import Array, Intrinsics
from training.data.manifest import ManifestRow
from training.projection import point_kernel
from training.projection.compilation import floats

NEAR_M = 0.05
"""Points nearer to a camera than this are not seen; closer than any lens focuses."""
_MOST_PIXELS = 1e9
"""Of focal lengths and principal points: what is beyond is no camera's, though it be finite."""


@dataclass(frozen=True, eq=False)
class FrameGeometry:
    """The cameras of one frame, in metres and optical frames (z forward, x right, y down).

    Attributes:
        pose: colour camera to world, float64 (4, 4).
        intrinsics: of the colour image at the size of its file.
        depth_intrinsics: of the depth image at the size of its file.
        depth_to_color: a point of the depth camera's frame in the colour camera's, float64 (4, 4).
    """

    pose: npt.NDArray[np.float64]
    intrinsics: Intrinsics
    depth_intrinsics: Intrinsics
    depth_to_color: npt.NDArray[np.float64]

    @classmethod
    def from_row(cls, row: ManifestRow) -> FrameGeometry:
        """Of a line of the manifest.

        Args:
            row: the frame.

        Raises:
            DefectError: if the frame has no pose or no intrinsics, or one of its cameras' numbers
                can't be used, see :func:`check_cameras`.
        """
        if row.pose is None:
            raise DefectError(
                DefectKind.LOST_POSE,
                row.image,
                f"{row.image} has no pose, so that no points can be projected into it",
            )
        if row.intrinsics is None:
            raise DefectError(
                DefectKind.INTRINSICS_MISMATCH,
                row.image,
                f"{row.image} has no intrinsics, so that no points can be projected into it",
            )
        check_cameras(row)
        own = Intrinsics.from_row(row.intrinsics)
        depth = own if row.depth_intrinsics is None else Intrinsics.from_row(row.depth_intrinsics)
        return cls(
            _matrix(row.pose),
            own,
            depth,
            np.eye(4) if row.depth_to_color is None else _matrix(row.depth_to_color),
        )

    def sha256(self) -> str:
        """Fingerprint: SHA-256 of 44 float64, little-endian.

        They are the pose and ``depth_to_color`` by rows, then width, height, fx, fy, cx, cy of the
        image and of the depth image.
        """
        numbers = np.concatenate(
            [
                self.pose.ravel(),
                self.depth_to_color.ravel(),
                self.intrinsics.row(),
                self.depth_intrinsics.row(),
            ]
        )
        numbers += 0.0  # so that -0 and 0 are one
        return hashlib.sha256(numbers.astype("<f8").tobytes()).hexdigest()


def check_cameras(row: ManifestRow) -> None:
    """Whether the numbers that a line of the manifest has of its cameras can be used.

    Poses and ``depth_to_color`` must be 16 finite numbers that turn and shift, intrinsics six
    finite numbers with a size in whole pixels and focal lengths above 0. What is not there is not
    checked.

    Raises:
        DefectError: if they can't.
    """
    for text, kind in _camera_defects(row):
        raise DefectError(
            kind,
            row.image,
            f"the frame '{row.frame}' of the scene '{row.scene}' has {text}; make the manifest "
            "anew with 'python -m training prepare'",
        )


def _camera_defects(row: ManifestRow) -> Iterator[tuple[str, DefectKind]]:
    for name in ("pose", "depth_to_color"):
        numbers = getattr(row, name)
        if numbers is not None and not is_pose(numbers):
            yield (
                f"a {name} that is not 16 finite numbers by rows which turn and shift",
                DefectKind.LOST_POSE,
            )
    for name in ("intrinsics", "depth_intrinsics"):
        numbers = getattr(row, name)
        if numbers is not None and not _is_camera(numbers):
            yield (
                f"{name} that are not width, height, fx, fy, cx and cy: six finite numbers, the "
                "size whole and above 0, fx and fy above 0",
                DefectKind.INTRINSICS_MISMATCH,
            )


def _is_camera(numbers: Sequence[float]) -> bool:
    try:
        camera = np.array(numbers, np.float64)
    except (TypeError, ValueError, OverflowError):  # what is no list of numbers
        return False
    if camera.shape != (6,) or not (np.abs(camera) < _MOST_PIXELS).all():
        return False
    size, focal = camera[:2], camera[2:4]
    return bool((size >= 1).all() and (size == np.rint(size)).all() and (focal > 0).all())


def _matrix(numbers: list[float]) -> npt.NDArray[np.float64]:
    return np.array(numbers, np.float64).reshape(4, 4)


def camera_points(points: Array, pose: npt.NDArray[np.float64]) -> Array:
    """World points in the camera's frame.

    Args:
        points: float32 (N, 3), metres, world.
        pose: camera to world, a rotation and a translation, (4, 4).

    Returns:
        float32 (N, 3), metres, optical frame; it is the transpose of a contiguous (3, N) array.
    """
    rotation, translation = world_to_camera(pose)
    # (3, N), so that every coordinate is contiguous for what comes after
    seen: npt.NDArray[Any] = rotation @ points.T
    seen += translation[:, None]
    return seen.T


def world_to_camera(pose: npt.NDArray[np.float64]) -> tuple[Array, Array]:
    """Rotation (3, 3) and translation (3,) of the inverse of a pose, float32."""
    inverse = np.linalg.inv(pose)
    return inverse[:3, :3].astype(np.float32), inverse[:3, 3].astype(np.float32)


def motion_to_camera(pose: npt.NDArray[np.float64]) -> Array:
    """The upper rows of the inverse of a pose, float32 (3, 4)."""
    return np.ascontiguousarray(np.linalg.inv(pose)[:3], np.float32)


def pixels(camera: Array, intrinsics: Intrinsics) -> tuple[Array, Array]:
    """Columns and rows of points of the camera's frame with z above 0, pixel centres at integers.

    Args:
        camera: float32 (N, 3), metres, optical frame.
        intrinsics: of the image.

    Returns:
        u and v, float32 (N,), pixels.
    """
    x, y, z = (floats(camera[:, axis]) for axis in range(3))
    u, v = np.empty((2, len(z)), np.float32)
    point_kernel.pixels(lens(intrinsics), x, y, z, u, v)
    return u, v


def lens(intrinsics: Intrinsics) -> Array:
    """fx, fy, cx and cy in pixels, float32 (4,)."""
    return np.array([intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy], np.float32)


@functools.lru_cache(maxsize=4)
def directions(intrinsics: Intrinsics) -> Array:
    """Rays through the pixel centres with z = 1 in the optical frame, float32 (3, h w)."""
    return np.ascontiguousarray(intrinsics.rays().T)
