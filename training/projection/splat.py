# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Maps of point indices: which point a pixel or a feature cell gets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.projection.visible_points import NO_POINT, VisiblePoints


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
    """
    rows, columns = -(-height // stride), -(-width // stride)
    if first_centre is None:
        first_centre = (stride - 1) / 2
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


def coverage(visible: VisiblePoints, height: int, width: int) -> float:
    """Share of an image's pixels that have a point of their own, without any dilation."""
    return float((splat(visible, height, width) != NO_POINT).mean())
