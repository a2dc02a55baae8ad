# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Maps of point indices: which point a pixel or a feature cell gets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.projection.feature_grid import PIXELS, FeatureGrid
from training.projection.visible_points import NO_POINT, VisiblePoints


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
        ValueError: if the grid doesn't fit the image, see :meth:`FeatureGrid.shape`.
    """
    rows, columns = grid.shape(height, width)
    stride, first_centre = grid.stride, grid.first_centre
    u, v = visible.u, visible.v
    if matrix is not None:
        (a, b, c), (d, e, f) = np.asarray(matrix, np.float32)
        u, v = a * u + b * v + c, d * u + e * v + f
    half, centre, step = (np.float32(number) for number in (0.5, first_centre, stride))
    column = np.floor((u - centre) / step + half)
    row = np.floor((v - centre) / step + half)
    inside = (u >= -half) & (u < np.float32(width - 0.5)) & (column < columns)
    inside &= (v >= -half) & (v < np.float32(height - 0.5)) & (row < rows)
    inside &= (column >= 0) & (row >= 0)
    cell = row[inside].astype(np.intp) * columns + column[inside].astype(np.intp)
    result = np.full(rows * columns, NO_POINT, np.uint32)
    # The last assignment to a cell stays, so that of the nearest point comes last.
    result[cell[::-1]] = visible.index[inside][::-1]
    return result.reshape(rows, columns)


def share_covered(index_map: npt.NDArray[np.uint32]) -> float:
    """Share of a map's pixels or cells that have a point, 0 to 1."""
    return float((index_map != NO_POINT).mean())
