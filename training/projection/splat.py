# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Maps of point indices: which point a pixel or a feature cell gets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Array
from training.data.resizing import moved
from training.projection.compilation import FLOAT, FLOATS, INDEX_ROWS_OUT, INDICES, compiled, floats
from training.projection.feature_grid import PIXELS, FeatureGrid
from training.projection.visible_points import NO_POINT, VisiblePoints

_ZERO = np.float32(0)
_HALF = np.float32(0.5)


def splat(
    visible: VisiblePoints,
    height: int,
    width: int,
    grid: FeatureGrid = PIXELS,
    *,
    matrix: npt.ArrayLike | None = None,
) -> npt.NDArray[np.uint32]:
    """The nearest point of each feature cell.

    A cell holds the points that are nearest to its feature's centre: that of the point (u, v) is
    column floor((u - grid.first_centre) / grid.stride + 1/2), and the row likewise. Points outside
    the image are in none.

    Args:
        visible: points of the frame, from near to far.
        height: of the image that the network sees, pixels: the crop, where there is one.
        width: likewise.
        grid: where the network's features lie; by default each pixel is a cell.
        matrix: (2, 3) affine map of pixels of the frame's image file to pixels of the image that
            the network sees, centres at integers; None for the image as it is in the file. Where
            frames are resized when they are loaded, it is not the augmentation's alone but
            ``compose(augmentation, resizing)``, see :mod:`training.data.resizing`.

    Returns:
        uint32 of ``grid.shape(height, width)``: indices of the scan's points, ``NO_POINT`` where no
        point lies.

    Raises:
        ValueError: if the grid doesn't fit the image, see :meth:`FeatureGrid.shape`, or u, v and
            index are not equally many.
    """
    rows, columns = grid.shape(height, width)
    stride, first_centre = grid.stride, grid.first_centre
    u, v = visible.u, visible.v
    if matrix is not None:
        u, v = moved(matrix, u, v)
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


def share_covered(index_map: npt.NDArray[np.uint32]) -> float:
    """Share of a map's pixels or cells that have a point, 0 to 1."""
    return float((index_map != NO_POINT).mean())
