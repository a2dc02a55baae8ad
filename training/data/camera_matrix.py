# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a camera matrix that lies beside images is of a camera that takes such images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError, DefectKind
from training.data.intrinsics import Intrinsics

FURTHEST_FROM_MIDDLE = 0.1
"""Of a principal point, as a share of the image's side. In real cameras it is some percent; in a
matrix that belongs to images of another size, such as 1296x968 for 640x480, it is far more."""


def camera_of_matrix(
    matrix: npt.NDArray[np.float64], size: tuple[int, int], path: Path
) -> Intrinsics:
    """The camera of a matrix.

    Args:
        matrix: 3x3 or 4x4, pixel centres at integers.
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
            DefectKind.DAMAGED_FILE, path, f"{path} holds no camera matrix: {error}"
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
