# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Text files of numbers: poses, camera matrices, tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError, DefectKind
from training.data.frame_checks import is_pose, read_bytes

Matrix = npt.NDArray[np.float64]


def read_text(path: Path) -> str:
    """A text file's content.

    Raises:
        DefectError: if it is missing or no text.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DefectError(DefectKind.DAMAGED_FILE, path, f"{path} is no text file") from error


def parse_numbers(words: list[str], path: Path) -> Matrix:
    """Numbers from words; infinite and undefined ones as C libraries print them are allowed.

    Raises:
        DefectError: if one is no number.
    """
    try:
        # "1.#INF", "-1.#IND" and "1.#QNAN" are what older Microsoft libraries print.
        return np.array([np.nan if ".#" in word else float(word) for word in words], np.float64)
    except ValueError as error:
        raise DefectError(
            DefectKind.DAMAGED_FILE, path, f"{path} holds what is no number ({error})"
        ) from error


def read_matrix(path: Path) -> Matrix:
    """A square matrix of 3x3 or 4x4 numbers, or one of 3x4 as 4x4 with the last row 0 0 0 1.

    Raises:
        DefectError: if the file is missing or holds something else.
    """
    numbers = parse_numbers(read_text(path).replace(",", " ").split(), path)
    if numbers.size == 12:
        numbers = np.append(numbers, [0.0, 0.0, 0.0, 1.0])
    if numbers.size not in (9, 16):
        raise DefectError(
            DefectKind.DAMAGED_FILE,
            path,
            f"{path} holds {numbers.size} numbers; 9, 12 or 16 make a matrix",
        )
    edge = 3 if numbers.size == 9 else 4
    return numbers.reshape(edge, edge)


def checked_pose(pose: Matrix, path: Path, frame: str) -> Matrix:
    """A pose, 4x4, if it is one.

    Raises:
        DefectError: if the tracking was lost.
    """
    if not is_pose(pose.ravel().tolist()):
        raise DefectError(
            DefectKind.LOST_POSE,
            path,
            f"the pose of {frame} in {path} is lost (infinite, zero or no rotation); the frame is "
            "used without it",
        )
    return pose


def read_pose(path: Path, frame: str) -> Matrix:
    """One pose, 4x4.

    Args:
        path: text file.
        frame: whose it is, for messages.

    Raises:
        DefectError: if it is missing, malformed or lost.
    """
    pose = read_matrix(path)
    if pose.shape != (4, 4):
        raise DefectError(
            DefectKind.DAMAGED_FILE, path, f"{path} holds 9 numbers; a pose has 12 or 16"
        )
    return checked_pose(pose, path, frame)
