# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Checks of a frame's files: do they open, fit each other, and hold ids that are known?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.defects import Defect, DefectError, DefectKind, unread
from training.data.manifest import ManifestRow

_FARTHEST_M = 1e9
"""No camera stands as far away; finite numbers that are lost poses all the same."""


def read_bytes(path: Path) -> bytes:
    """A file's content.

    Raises:
        DefectError: if it is missing or can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise unread(path, error) from error


def decode(content: bytes, path: Path, flags: int = cv2.IMREAD_UNCHANGED) -> npt.NDArray[Any]:
    """An image file's content as OpenCV reads it (colours in the order BGR).

    Raises:
        DefectError: if it is damaged.
    """
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except cv2.error:  # sizes beyond OpenCV's limit
        image = None
    if image is None:
        raise DefectError(DefectKind.UNREADABLE_IMAGE, path, f"{path} cannot be read as an image")
    return image


def check_frame(
    row: ManifestRow, label_ids: frozenset[int], no_label: int
) -> tuple[ManifestRow | None, list[Defect]]:
    """Open a frame's files; paths in the row are absolute.

    Args:
        row: the frame.
        label_ids: ids that its label image may hold.
        no_label: the id that means none.

    Returns:
        The row with the label's checksum, without a depth image that can't be used, or None where
        image or label can't be used; and what is wrong.
    """
    defects = []
    try:
        path = Path(row.image)
        height, width = decode(read_bytes(path), path, cv2.IMREAD_COLOR).shape[:2]
        if row.label is not None:
            _, digest = check_label(Path(row.label), (height, width), label_ids, no_label)
            row = replace(row, sha256=digest)
    except DefectError as error:
        return None, [error.defect(row.scene)]
    for lost in _pose_defects(row):
        defects.append(lost.defect(row.scene, dropped=False))
        row = replace(row, pose=None)
    if row.intrinsics is not None and row.intrinsics[:2] != [width, height]:
        mismatch = DefectError(
            DefectKind.INTRINSICS_MISMATCH,
            row.image,
            f"{row.image} is {width}x{height} pixels, its intrinsics are for "
            f"{row.intrinsics[0]:g}x{row.intrinsics[1]:g}; it is used without them",
        )
        defects.append(mismatch.defect(row.scene, dropped=False))
        row = replace(row, intrinsics=None)
    if row.depth is not None:
        try:
            _check_depth(row, (height, width))
        except DefectError as error:
            defects.append(error.defect(row.scene, dropped=False))
            row = replace(row, depth=None)
    return row, defects


def is_pose(numbers: Sequence[float]) -> bool:
    """Whether 16 numbers by rows turn and shift; lost poses are infinite, zero or NaN."""
    try:
        pose = np.array(numbers, np.float64)
    except (TypeError, ValueError, OverflowError):  # what is no list of numbers
        return False
    if pose.shape != (16,) or not (np.abs(pose) < _FARTHEST_M).all():
        return False
    rotation = pose.reshape(4, 4)[:3, :3]
    # ScanNet's floats of the sensor's tracking are orthogonal to about 1e-6.
    return bool(
        np.abs(rotation @ rotation.T - np.eye(3)).max() < 1e-2
        and np.linalg.det(rotation) > 0
        and np.abs(pose[12:] - [0, 0, 0, 1]).max() < 1e-6
    )


def _pose_defects(row: ManifestRow) -> Iterator[DefectError]:
    if row.pose is not None and not is_pose(row.pose):
        yield DefectError(
            DefectKind.LOST_POSE,
            row.image,
            f"{row.image} has no usable pose (its numbers are infinite, zero or no rotation); it "
            "is used without one",
        )


def check_label(
    path: Path, shape: tuple[int, int], label_ids: frozenset[int], no_label: int
) -> tuple[npt.NDArray[Any], str]:
    """Open a label image.

    Args:
        path: of the file.
        shape: height and width of its image.
        label_ids: ids that it may hold.
        no_label: the id that means none.

    Returns:
        The ids (H, W) and the file's SHA-256.

    Raises:
        DefectError: if it can't be used.
    """
    content = read_bytes(path)
    label = decode(content, path)
    if label.ndim != 2:
        raise DefectError(
            DefectKind.UNREADABLE_IMAGE,
            path,
            f"{path} has {label.shape[2]} channels; labels are one-channel images of class ids (a "
            "palette PNG counts as colour: save it as greyscale)",
        )
    if label.shape != shape:
        raise DefectError(
            DefectKind.SIZE_MISMATCH,
            path,
            f"{path} is {label.shape[1]}x{label.shape[0]} pixels, its image {shape[1]}x{shape[0]}",
        )
    if label.dtype.kind != "u":
        raise DefectError(
            DefectKind.UNREADABLE_IMAGE, path, f"{path} holds {label.dtype} numbers, no class ids"
        )
    ids = set(np.flatnonzero(np.bincount(label.ravel())).tolist())
    unknown = sorted(ids - label_ids - {no_label})
    if unknown:
        raise DefectError(
            DefectKind.UNKNOWN_LABEL,
            path,
            f"{path} holds the ids {', '.join(map(str, unknown[:5]))}, which its label space does "
            f"not know ({min(label_ids)} to {max(label_ids)}, and {no_label} for none)",
        )
    if ids <= {no_label}:
        raise DefectError(DefectKind.NO_LABEL, path, f"{path} has no labelled pixel")
    return label, hashlib.sha256(content).hexdigest()


def _check_depth(row: ManifestRow, shape: tuple[int, int]) -> None:
    assert row.depth is not None
    path = Path(row.depth)
    depth = decode(read_bytes(path), path)
    if depth.ndim != 2 or depth.dtype != np.uint16:
        raise DefectError(
            DefectKind.UNREADABLE_IMAGE,
            path,
            f"{path} is no one-channel image of 16 bits; the frame is used without depth",
        )
    wanted = shape
    if row.depth_intrinsics is not None:
        wanted = (int(row.depth_intrinsics[1]), int(row.depth_intrinsics[0]))
    if depth.shape != wanted:
        raise DefectError(
            DefectKind.SIZE_MISMATCH,
            path,
            f"{path} is {depth.shape[1]}x{depth.shape[0]} pixels, its camera's images are "
            f"{wanted[1]}x{wanted[0]}; the frame is used without depth",
        )
