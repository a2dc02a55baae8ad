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
_CHUNK = 8192
"""Points at a time, so that what is computed for them stays in the processor's cache."""


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

    metres: float = 0.04
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

    On synthetic rooms at 640x480 (`bench/projection.py`: scans of 2.5 cm, an occluded point has a
    true surface more than 5 cm before it on its ray), with depth of the same or half the size,
    clean or with the noise of structured light, 4 cm from the plane let 0.004 to 0.14 % of the
    covered pixels have an occluded point; 5 cm let 0.6 to 1.0 % through, 5 cm from the pixel's
    depth 1.8 to 2.4 %, 2.5 cm from it 0.2 to 0.9 %, the published rule 9 to 11 %. Of the pixels
    that visible points could cover without noise, 4 cm from the plane take 84 %, 5 cm 90 %, 5 cm
    from the pixel's depth 92 %; of the cells at stride 8 all take about the same.

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
    surface = _Planes(depth, tolerance) if tolerance.local_plane else _Pixels(depth, tolerance)
    result = np.empty(len(z), np.bool_)
    for start in range(0, len(z), _CHUNK):
        part = slice(start, start + _CHUNK)
        result[part] = surface.agrees(column[part], row[part], z[part])
    return result


class _Pixels:
    """Depths of single pixels; a border of one pixel without depth takes what lies outside."""

    def __init__(self, depth: Array, tolerance: DepthTolerance) -> None:
        bordered = cv2.copyMakeBorder(depth, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        self.height, self.width = bordered.shape
        self.depth: Array = bordered.ravel()
        self.tolerance = tolerance

    def allowed(self, depth: Array) -> Array | np.float32:
        """Metres."""
        metres = np.float32(self.tolerance.metres)
        share = self.tolerance.share
        return metres if share == 0 else np.maximum(depth * np.float32(share), metres)

    def pixel(self, across: Array, down: Array) -> npt.NDArray[np.intp]:
        """Flat numbers of pixels in the bordered image, the first one for those outside."""
        across, down = across + np.float32(1), down + np.float32(1)
        inside = (across >= 1) & (across < self.width - 1) & (down >= 1) & (down < self.height - 1)
        across, down = np.where(inside, across, 0), np.where(inside, down, 0)
        return down.astype(np.intp) * self.width + across.astype(np.intp)

    def agrees(self, column: Array, row: Array, z: Array) -> npt.NDArray[np.bool_]:
        """Whether the points lie within the tolerance of their pixel's depth."""
        depth = self.depth[self.pixel(np.rint(column), np.rint(row))]
        return (depth > 0) & (np.abs(z - depth) < self.allowed(depth))


class _Planes(_Pixels):
    """The planes through neighbouring measurements."""

    def __init__(self, depth: Array, tolerance: DepthTolerance) -> None:
        super().__init__(depth, tolerance)
        # in place, for images that need not be allocated are what makes this fast
        inverse = np.divide(np.float32(1), self.depth, out=self.depth, where=self.depth > 0)
        nearest = cv2.dilate(inverse.reshape(self.height, self.width), np.ones((3, 3), np.uint8))
        self.inverse, self.nearest = inverse, nearest.ravel()

    def agrees(self, column: Array, row: Array, z: Array) -> npt.NDArray[np.bool_]:
        """Whether the points lie on the plane at their place or, at edges, on the near side."""
        across, down = np.rint(column), np.rint(row)
        pixel = self.pixel(across, down)
        here = self.inverse[pixel]
        # Of pixels outside, which have no depth, some neighbours wrap around; they do not matter.
        left, right = self.inverse[pixel - 1], self.inverse[pixel + 1]
        above, below = self.inverse[pixel - self.width], self.inverse[pixel + self.width]
        measured = here > 0
        here = np.where(measured, here, np.float32(1))
        own: Array = np.reciprocal(here)
        allowed = self.allowed(own)
        # A change of the inverse depth by e changes the depth by e d^2.
        bend = np.maximum(np.abs(left + right - 2 * here), np.abs(above + below - 2 * here))
        plane = bend * own * own < np.float32(_BEND_SHARE) * allowed
        plane &= np.minimum(np.minimum(left, right), np.minimum(above, below)) > 0
        expected = (right - left) * (column - across) + (below - above) * (row - down)
        expected = here + np.float32(0.5) * expected
        # With the tolerances multiplied by the inverse depth nothing needs dividing, and an
        # extrapolated inverse depth that is not positive takes no point.
        on_plane = np.abs(z * expected - 1) < allowed * expected
        at_edge = ((z - allowed) * self.nearest[pixel] < 1) & (z > own - allowed)
        return measured & np.where(plane, on_plane, at_edge)
