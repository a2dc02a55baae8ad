# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Affine maps of pixels: what resizing does to places in an image, and one map after another.

Maps are float64 (2, 3) and take column, row and 1 to column and row, pixel centres at integers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Affine = npt.NDArray[np.float64]
Places = npt.NDArray[np.float32]


def resize_matrix(from_size: tuple[int, int], to_size: tuple[int, int]) -> Affine:
    """Where pixels of an image go when it is resized.

    Corners stay corners, so that a column u becomes (u + 1/2) s - 1/2 with s the widths' ratio, and
    a row likewise; that is how OpenCV resizes images and labels.

    Args:
        from_size: height and width of the image.
        to_size: those of the result.

    Returns:
        float64 (2, 3).
    """
    y, x = to_size[0] / from_size[0], to_size[1] / from_size[1]
    return np.array([[x, 0, 0.5 * x - 0.5], [0, y, 0.5 * y - 0.5]])


def compose(second: npt.ArrayLike, first: npt.ArrayLike) -> Affine:
    """The map that does `first` and then `second`, float64 (2, 3).

    Args:
        second: (2, 3).
        first: (2, 3).
    """
    return np.asarray(second, np.float64) @ np.vstack([np.asarray(first, np.float64), [0, 0, 1]])


def moved(matrix: npt.ArrayLike, u: Places, v: Places) -> tuple[Places, Places]:
    """Places after a map.

    Args:
        matrix: (2, 3).
        u: columns, float32 (K,), pixels.
        v: rows, likewise.

    Returns:
        Columns and rows, float32 (K,).
    """
    (a, b, c), (d, e, f) = np.asarray(matrix, np.float32)
    return a * u + b * v + c, d * u + e * v + f
