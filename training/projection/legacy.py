# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which point each feature cell gets by the rule of the published distillation code.

It is here so that published weights and figures can be compared with; it is not a good rule. Of its
data/proj3dto2d_1.py and data/proj3dto2d_2.py it keeps:

- u, v and z are cut to whole numbers before anything is asked of them: z to whole metres, so that
  nothing nearer than 1 m counts, u and v towards 0, so that -0.9 is column 0;
- the depth image is resized to the colour image's size, whatever the two cameras are;
- a point counts within 2 m and 50 % of the measured depth, so that many hidden ones do;
- of several points in a pixel the last one stays, not the nearest;
- 0 means no point, so that the first point of the scan is none;
- 3x3 grey dilation by the highest index, then every eighth pixel;
- a frame's features are listed anew, and what stands first in that list counts as none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Array, Intrinsics
from training.data.labelled_frames import DatasetError
from training.projection.visible_points import NO_POINT

STRIDE = 8
MAX_DIFFERENCE_M = 2.0
MAX_DIFFERENCE_SHARE = 0.5
MAX_POINTS = 1 << 24
"""Beyond it the published code's float32 maps no longer hold every index."""


@dataclass(frozen=True, eq=False)
class LegacyMap:
    """One frame of the published code.

    Attributes:
        points: uint32 (h, w), an eighth of the image's size, indices of the scan's points,
            0 = none.
    """

    points: npt.NDArray[np.uint32]

    def listed(self) -> npt.NDArray[np.uint32]:
        """The points whose features the published code saves for the frame, uint32 (K,).

        Cell by cell in rows, those without a point left out; a point of several cells comes several
        times. Where it is empty the published code saves nothing for the frame.
        """
        return self.points[self.points != 0]

    def slots(self) -> npt.NDArray[np.int64]:
        """The map that the published code saves for the frame: positions in the list, 0 = none.

        Returns:
            int64 (h, w). A point of several cells has its last position in all of them.
        """
        listed = self.listed()
        position = np.zeros(int(listed.max(initial=0)) + 1, np.int64)
        position[listed] = np.arange(len(listed))  # the last of equal indices stays
        return position[self.points]

    def index(self) -> npt.NDArray[np.uint32]:
        """The point whose feature each cell is trained with, uint32 (h, w), ``NO_POINT`` = none."""
        return np.where(self.slots() > 0, self.points, np.uint32(NO_POINT))


def legacy_map(pixel_map: npt.NDArray[np.uint32]) -> LegacyMap:
    """The published code's map of feature cells.

    Args:
        pixel_map: from :func:`legacy_pixel_map`, (height, width).

    Returns:
        An eighth of the size, rounded up: 162x121 cells for ScanNet's 1296x968 pixels, which is the
        one size that the published code is for.
    """
    dilated = cv2.dilate(pixel_map.astype(np.float32), np.ones((3, 3), np.uint8))
    height, width = (-(-length // STRIDE) for length in pixel_map.shape)
    return LegacyMap(resize_nearest(dilated, height, width).astype(np.uint32))


def legacy_pixel_map(
    points: Array,
    pose: npt.NDArray[np.float64],
    intrinsics: Intrinsics,
    depth: npt.NDArray[np.float64],
) -> npt.NDArray[np.uint32]:
    """The point of each pixel by the published rule.

    Args:
        points: float32 (N, 3), metres, world.
        pose: camera to world, (4, 4).
        intrinsics: of the colour image, taken as they are.
        depth: (h, w), metres, 0 = none, of any size.

    Returns:
        uint32 (height, width) of the colour image, 0 = none.

    Raises:
        DatasetError: if the scan has more points than the published code tells apart.
    """
    if len(points) > MAX_POINTS:
        raise DatasetError(
            f"the scan has {len(points)} points, and the published code tells only {MAX_POINTS} "
            "apart; project it without --legacy"
        )
    height, width = intrinsics.height, intrinsics.width
    depth = resize_nearest(depth, height, width)
    # The same products of the same matrices as there, because rounding decides at borders.
    homogeneous = np.concatenate([points.astype(np.float64), np.ones((len(points), 1))], 1)
    camera = np.eye(4)
    camera[:3, :3] = intrinsics.matrix
    x, y, z = np.matmul(camera, np.matmul(np.linalg.inv(pose), homogeneous.T))[:3]
    index = np.flatnonzero(z >= 1)  # what is nearer becomes 0 when it is cut
    z = z[index]
    u, v = (x[index] / z).astype(np.int64), (y[index] / z).astype(np.int64)
    inside = (v < height) & (v >= 0) & (u < width) & (u >= 0)
    index, u, v, z = index[inside], u[inside], v[inside], z[inside].astype(np.int64)
    measured = depth[v, u]
    valid = measured != 0
    index, u, v = index[valid], u[valid], v[valid]
    measured = measured[valid]
    difference = np.abs(z[valid] - measured)
    kept = (difference <= MAX_DIFFERENCE_M) & (difference / measured <= MAX_DIFFERENCE_SHARE)
    result = np.zeros((height, width), np.uint32)
    result[v[kept], u[kept]] = index[kept]  # the last one stays
    return result


def resize_nearest(image: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[Any]:
    """Resize as OpenCV's INTER_NEAREST does: pixel floor(i * from / to), in double precision."""
    rows, columns = (
        np.minimum((np.arange(to) * (1.0 / (to / length))).astype(np.intp), length - 1)
        for to, length in ((height, image.shape[0]), (width, image.shape[1]))
    )
    return image[rows[:, None], columns]
