# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""ScanNet's cameras: files of 4x4 numbers, and whether a camera matrix fits the images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError, DefectKind
from training.data.intrinsics import Intrinsics

FURTHEST_FROM_MIDDLE = 0.1
"""Of a principal point, as a share of the image's side. In ScanNet it is some percent; in a matrix
that belongs to images of another size, 1296x968 for 640x480, it is far more."""


def read_matrix(path: Path) -> npt.NDArray[np.float64]:
    """The 4x4 numbers of a text file, infinite ones among them.

    Raises:
        DefectError: if it is missing or holds something else.
    """
    try:
        return np.array(path.read_text(encoding="ascii").split(), np.float64).reshape(4, 4)
    except OSError as error:
        raise DefectError(
            DefectKind.MISSING_FILE, path, f"{path} can't be read ({error.strerror})"
        ) from error
    except ValueError as error:
        raise DefectError(
            DefectKind.DAMAGED_FILE, path, f"{path} should hold 4x4 numbers"
        ) from error


def camera(matrix: npt.NDArray[np.float64], size: tuple[int, int], path: Path) -> Intrinsics:
    """The camera of a matrix.

    Args:
        matrix: 4x4, pixel centres at integers, as in all of ScanNet.
        size: width and height of its images.
        path: of the file that it is from.

    Raises:
        DefectError: if it is no camera matrix, or belongs to images of another size, which shows
            in a principal point far from these images' middle.
    """
    try:
        found = Intrinsics.from_matrix(matrix, *size)
    except ValueError as error:
        raise DefectError(
            DefectKind.INTRINSICS_MISMATCH, path, f"{path} can't be used: {error}"
        ) from error
    width, height = size
    away = max(abs((found.cx + 0.5) / width - 0.5), abs((found.cy + 0.5) / height - 0.5))
    if away > FURTHEST_FROM_MIDDLE:
        raise DefectError(
            DefectKind.INTRINSICS_MISMATCH,
            path,
            f"{path} is for images of another size: its principal point ({found.cx:.1f}, "
            f"{found.cy:.1f}) is far from the middle of the images, which are {width}x{height} "
            "pixels; they are used without it",
        )
    return found
