# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Measured depth where a network's features lie: what the depth baselines of Figure 4 learn from.

A depth image's pixels are points in the colour image, as those of a scan are: they follow the same
augmentation and fill the same cells, the nearest one wins.

Zooming an image does not move its camera, but no network can tell a picture that was enlarged from
one that was taken from nearer or through a longer lens. Training targets are therefore *canonical*
depths (as the labels of Metric3D, Yin et al., ICCV 2023): what a camera with a focal length of
``CANONICAL_FOCAL`` pixels would have to be away from a thing to show it as large, d' = d F / f,
where f is the focal length in pixels of the image that the network sees. Enlarging by s divides
depths by s, as in Eigen et al., NIPS 2014.
"""

from __future__ import annotations

import logging
import math
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.data.defects import Defect, DefectError, DefectKind
from training.data.depth_images import read_depth
from training.data.intrinsics import Array, Intrinsics
from training.data.labelled_frames import DatasetError, LabelledFrame
from training.data.manifest import ManifestRow, read_manifest
from training.projection.compilation import floats
from training.projection.feature_grid import FeatureGrid
from training.projection.geometry import NEAR_M, check_cameras, directions, pixels
from training.projection.near_to_far import near_to_far
from training.projection.splat import splat
from training.projection.visible_points import NO_POINT, VisiblePoints

CANONICAL_FOCAL = 500.0
"""Pixels; about that of an image 640 pixels wide with a field of view of 65 degrees."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class DepthPoints:
    """What a frame's depth camera measured, in the colour image.

    Attributes:
        visible: places in the colour image's file from near to far; its indices are of `z`.
        z: metres along the colour camera's optical axis, float32 (N,).
        focal: of the colour image's file, pixels, the geometric mean of both; None if unknown.
    """

    visible: VisiblePoints
    z: Array
    focal: float | None

    def depth(
        self, height: int, width: int, grid: FeatureGrid, matrix: npt.ArrayLike | None = None
    ) -> Array:
        """Depth of each feature cell: that of the nearest measurement in it.

        Args:
            height: of the image that the network sees, pixels.
            width: likewise.
            grid: where its features lie.
            matrix: (2, 3), of pixels of the image's file to pixels of that image, see
                :func:`training.projection.splat.splat`.

        Returns:
            float32 of ``grid.shape(height, width)``, metres, 0 where nothing was measured.
        """
        index = splat(self.visible, height, width, grid, matrix=matrix)
        measured = index != NO_POINT
        depth = np.zeros(index.shape, np.float32)
        depth[measured] = self.z[index[measured]]
        return depth

    def focal_after(self, matrix: npt.ArrayLike | None) -> float | None:
        """Focal length in pixels of the image after an affine map, by what it does to areas."""
        if self.focal is None or matrix is None:
            return self.focal
        return self.focal * math.sqrt(abs(np.linalg.det(np.asarray(matrix, np.float64)[:, :2])))


class MeasuredDepth:
    """Depth of the frames of a prepared data set.

    A frame without usable depth has none anywhere; why is logged once and kept in `defects`.
    Several threads may read it.

    Args:
        folder: of the manifest.

    Attributes:
        defects: what was found in frames that were asked for.

    Raises:
        DatasetError: if there is no manifest, or no frame in it has depth.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._rows = {(row.scene, row.frame): row for row in read_manifest(self.folder)}
        self.defects: dict[tuple[str, str], Defect] = {}
        self._noting = threading.Lock()
        if not any(row.depth for row in self._rows.values()):
            raise DatasetError(
                f"no frame of {self.folder} has a depth image; depth can only be learned where "
                "'python -m training prepare' found some"
            )

    def points(self, frame: LabelledFrame) -> DepthPoints:
        """What was measured in a frame.

        Raises:
            DefectError: if it has no depth, or its depth or cameras can't be used.
        """
        row = self._rows.get((frame.scene, frame.name))
        if row is None or row.depth is None:
            raise DefectError(
                DefectKind.MISSING_FILE, frame.image, f"{frame.image} has no depth image"
            )
        check_cameras(row)
        return depth_points(read_depth(self.folder / row.depth, row), row)

    def load(
        self,
        frame: LabelledFrame,
        height: int,
        width: int,
        grid: FeatureGrid,
        matrix: npt.ArrayLike | None = None,
        *,
        canonical: bool = True,
    ) -> Array:
        """Depth of a frame in a network's feature cells.

        Args:
            frame: of the data set.
            height: of the image that the network sees, pixels.
            width: likewise.
            grid: where its features lie.
            matrix: (2, 3), as of :meth:`DepthPoints.depth`.
            canonical: for a focal length of ``CANONICAL_FOCAL`` pixels, see above; else metres.

        Returns:
            float32 of ``grid.shape(height, width)``, metres, 0 where nothing was measured.

        Raises:
            ValueError: if the grid doesn't fit the image.
        """
        try:
            points = self.points(frame)
            depth = points.depth(height, width, grid, matrix)
            if canonical:
                depth *= np.float32(CANONICAL_FOCAL / _known(points.focal_after(matrix), frame))
            return depth
        except DefectError as error:
            defect = error.defect(frame.scene, dropped=False)
            with self._noting:
                known = self.defects.setdefault((frame.scene, frame.name), defect) is not defect
            if not known:
                logger.warning("%s; it is used without depth", error)
            return np.zeros(grid.shape(height, width), np.float32)


def depth_points(depth: Array, row: ManifestRow) -> DepthPoints:
    """Move a depth image's pixels into the colour camera's view.

    Args:
        depth: float32 (h, w), metres, 0 = none.
        row: has the cameras; where it has one only, the images lie on each other.

    Raises:
        DefectError: if the depth image is not of its camera's size, or the colour camera's
            intrinsics are needed and unknown.
    """
    own = None if row.intrinsics is None else Intrinsics.from_row(row.intrinsics)
    focal = None if own is None else math.sqrt(own.fx * own.fy)
    camera = own if row.depth_intrinsics is None else Intrinsics.from_row(row.depth_intrinsics)
    if camera is not None and depth.shape != (camera.height, camera.width):
        raise DefectError(
            DefectKind.SIZE_MISMATCH,
            row.depth,
            f"{row.depth} is {depth.shape[1]}x{depth.shape[0]} pixels, its intrinsics are for "
            f"{camera.width}x{camera.height}",
        )
    measured = np.isfinite(depth) & (depth > np.float32(NEAR_M))
    if camera == own and row.depth_to_color is None:
        v, u = (places.astype(np.float32) for places in np.nonzero(measured))
        return _ordered(u, v, depth[measured], focal)
    if own is None or camera is None:
        raise DefectError(
            DefectKind.INTRINSICS_MISMATCH,
            row.image,
            f"{row.image} has no intrinsics, so that {row.depth} can't be brought onto it",
        )
    motion = np.eye(4) if row.depth_to_color is None else np.reshape(row.depth_to_color, (4, 4))
    seen = directions(camera)[:, measured.ravel()] * depth[measured]
    moved = (motion[:3, :3].astype(np.float32) @ seen) + motion[:3, 3:].astype(np.float32)
    moved = moved[:, moved[2] > np.float32(NEAR_M)]
    u, v = pixels(moved.T, own)
    inside = (u >= -0.5) & (u < own.width - 0.5) & (v >= -0.5) & (v < own.height - 0.5)
    return _ordered(u[inside], v[inside], moved[2, inside], focal)


def _ordered(u: Array, v: Array, z: Array, focal: float | None) -> DepthPoints:
    u, v, z = floats(u), floats(v), floats(z)
    index = np.arange(len(z), dtype=np.uint32)
    return DepthPoints(VisiblePoints(*near_to_far(z, u, v, index)), z, focal)


def _known(focal: float | None, frame: LabelledFrame) -> float:
    if focal is None:
        raise DefectError(
            DefectKind.INTRINSICS_MISMATCH,
            frame.image,
            f"{frame.image} has no intrinsics, so that sizes in it say nothing about depth",
        )
    return focal
