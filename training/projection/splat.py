# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Maps of point indices: which point a pixel or a feature cell gets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Array
from training.projection.compilation import FLOAT, FLOATS, INDEX_ROWS_OUT, INDICES, compiled, floats
from training.projection.visible_points import NO_POINT, VisiblePoints

_ZERO = np.float32(0)
_HALF = np.float32(0.5)


def splat(
    visible: VisiblePoints,
    height: int,
    width: int,
    stride: int = 1,
    *,
    first_centre: float | None = None,
    matrix: npt.ArrayLike | None = None,
) -> npt.NDArray[np.uint32]:
    """The nearest point of each feature cell.

    A cell holds the points that are nearest to its feature's centre: that of the point (u, v) is
    column floor((u - first_centre) / stride + 1/2), and the row likewise. Points outside the image
    are in none.

    Args:
        visible: points of the frame, from near to far.
        height: of the image that the network sees, pixels: the crop, where there is one.
        width: likewise.
        stride: pixels from one feature to the next.
        first_centre: pixel at which the first feature's centre lies: 0 for networks that resize
            with aligned corners (473 = 8 * 59 + 1, feature i at pixel 8 i); (stride - 1) / 2, where
            cells start at the image's edge, if it is None.
        matrix: (2, 3) affine map of pixels of the frame to pixels of the image that the network
            sees, centres at integers: that of the augmentation; None for the frame itself.

    Returns:
        uint32 (ceil(height / stride), ceil(width / stride)): indices of the scan's points,
        ``NO_POINT`` where no point lies.

    Raises:
        ValueError: if u, v and index are not equally many.
    """
    rows, columns = -(-height // stride), -(-width // stride)
    if first_centre is None:
        first_centre = (stride - 1) / 2
    u, v = visible.u, visible.v
    if matrix is not None:
        (a, b, c), (d, e, f) = np.asarray(matrix, np.float32)
        u, v = a * u + b * v + c, d * u + e * v + f
    index = np.ascontiguousarray(visible.index, np.uint32)
    u, v = floats(u), floats(v)
    if not u.shape == v.shape == index.shape == (len(index),):
        raise ValueError(f"{len(index)} points with {u.shape} columns and {v.shape} rows")
    result = np.full((rows, columns), NO_POINT, np.uint32)
    _fill_cells(u, v, index, width - 0.5, height - 0.5, first_centre, stride, result)
    return result


@compiled(FLOATS, FLOATS, INDICES, FLOAT, FLOAT, FLOAT, FLOAT, INDEX_ROWS_OUT)
def _fill_cells(
    u: Array,
    v: Array,
    index: npt.NDArray[np.uint32],
    right: np.float32,
    lower: np.float32,
    first_centre: np.float32,
    stride: np.float32,
    cells: npt.NDArray[np.uint32],
) -> None:
    """Fill in the nearest point of each cell.

    Args:
        u: columns of points from near to far, (K,).
        v: rows.
        index: what goes into the cells.
        right: column where the image ends, which starts at -1/2.
        lower: row, likewise.
        first_centre: pixel.
        stride: pixels.
        cells: (rows, columns), filled in where a point lies.
    """
    rows, columns = np.float32(cells.shape[0]), np.float32(cells.shape[1])
    # from far to near, so that the nearest one stays
    for k in range(len(index) - 1, -1, -1):
        if not (u[k] >= -_HALF and u[k] < right and v[k] >= -_HALF and v[k] < lower):
            continue
        column = np.floor((u[k] - first_centre) / stride + _HALF)
        row = np.floor((v[k] - first_centre) / stride + _HALF)
        if column >= _ZERO and column < columns and row >= _ZERO and row < rows:
            cells[int(row), int(column)] = index[k]


def coverage(visible: VisiblePoints, height: int, width: int) -> float:
    """Share of an image's pixels that have a point of their own, without any dilation."""
    return float((splat(visible, height, width) != NO_POINT).mean())
