# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Is a point what the depth camera measured where the point should appear?"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Array

_BEND_SHARE = 0.5
"""Of the tolerance: by how much a surface may depart from a plane within one pixel."""


@dataclass(frozen=True)
class DepthTolerance:
    """How far from the measured depth a point may lie and still be what was measured.

    Attributes:
        metres: at any depth.
        share: of the measured depth; the larger of both counts.
        local_plane: whether to measure from the plane through the neighbouring measurements and to
            take care at depth edges, see :func:`on_measured_surface`; else from the nearest
            pixel's depth.
    """

    metres: float = 0.05
    share: float = 0.0
    local_plane: bool = True


PUBLISHED_TOLERANCE = DepthTolerance(0.1, 0.05, local_plane=False)
"""|z - d| < max(0.1 m, 5 %)."""


def on_measured_surface(
    depth: Array, column: Array, row: Array, z: Array, tolerance: DepthTolerance
) -> npt.NDArray[np.bool_]:
    """Whether points lie on the surface that a depth image shows where they appear.

    With ``local_plane``, the inverse depth W = 1 / d of a pixel and of its four neighbours says
    what the surface is like there, for planes have an inverse depth linear in column and row:

    - Where the second differences of W, as a change of depth, stay below half the tolerance, the
      surface is a plane as far as it matters: the point must lie within the tolerance of the depth
      that this plane has at the point's sub-pixel position. So slanted floors keep their points.
    - Elsewhere (depth edges, creases, next to pixels without a measurement) a point may not lie
      farther than the tolerance behind the nearest of the 3x3 measurements, nor before the
      pixel's own. So no background is taken next to the edge of what hides it.

    Without ``local_plane`` a point must lie within the tolerance of its pixel's depth.

    Args:
        depth: float32 (h, w), metres, 0 = none.
        column: of points in the depth image, float32 (N,), pixels, centres at integers.
        row: likewise.
        z: depths of the points in the depth camera's frame, float32 (N,), metres, above 0.
        tolerance: what counts as the same surface.

    Returns:
        bool (N,); False for points outside the image or where nothing was measured.
    """
    height, width = depth.shape
    across, down = np.rint(column), np.rint(row)
    inside = (across >= 0) & (across < width) & (down >= 0) & (down < height)
    rows = np.nonzero(inside)[0]
    if len(rows) < len(z):
        column, row, across, down, z = (values[rows] for values in (column, row, across, down, z))
    if tolerance.local_plane:
        agrees = _near_plane(depth, column - across, row - down, across, down, z, tolerance)
    else:
        measured = depth.ravel()[down.astype(np.intp) * width + across.astype(np.intp)]
        agrees = (measured > 0) & (np.abs(z - measured) < _allowed(tolerance, measured))
    result = np.zeros(len(inside), np.bool_)
    result[rows] = agrees
    return result


def _allowed(tolerance: DepthTolerance, depth: Array) -> Array | np.float32:
    if tolerance.share == 0:
        return np.float32(tolerance.metres)
    allowed: Array = np.maximum(depth * np.float32(tolerance.share), np.float32(tolerance.metres))
    return allowed


def _near_plane(
    depth: Array,
    du: Array,
    dv: Array,
    across: Array,
    down: Array,
    z: Array,
    tolerance: DepthTolerance,
) -> npt.NDArray[np.bool_]:
    """The rule with the plane; `du` and `dv` are the points' places within their pixels."""
    bordered = cv2.copyMakeBorder(depth, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inverse = np.zeros_like(bordered)
    np.divide(np.float32(1), bordered, out=inverse, where=bordered > 0)
    nearest = cv2.dilate(inverse, np.ones((3, 3), np.uint8)).ravel()
    inverse = inverse.ravel()
    width = bordered.shape[1]
    pixel = (down.astype(np.int32) + 1) * width + across.astype(np.int32) + 1
    here = inverse[pixel]
    left, right = inverse[pixel - 1], inverse[pixel + 1]
    above, below = inverse[pixel - width], inverse[pixel + width]
    measured = here > 0
    here = np.where(measured, here, np.float32(1))
    own: Array = np.reciprocal(here)
    allowed = _allowed(tolerance, own)
    # A change of the inverse depth by e changes the depth by e d^2.
    bend = np.maximum(np.abs(left + right - 2 * here), np.abs(above + below - 2 * here))
    plane = bend * own * own < np.float32(_BEND_SHARE) * allowed
    plane &= np.minimum(np.minimum(left, right), np.minimum(above, below)) > 0
    expected = here + np.float32(0.5) * ((right - left) * du + (below - above) * dv)
    # With the tolerances multiplied by the inverse depth nothing needs dividing, and an
    # extrapolated inverse depth that is not positive takes no point.
    on_plane = np.abs(z * expected - 1) < allowed * expected
    at_edge = ((z - allowed) * nearest[pixel] < 1) & (z > own - allowed)
    agrees: npt.NDArray[np.bool_] = measured & np.where(plane, on_plane, at_edge)
    return agrees
