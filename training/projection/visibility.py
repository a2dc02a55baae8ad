# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which points of a scan an image shows: by the frame's depth image or by the scan's mesh."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError, DefectKind
from training.data.frame_checks import decode, read_bytes
from training.data.intrinsics import Array, Intrinsics
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestRow
from training.data.scan import Scan
from training.projection.geometry import NEAR_M, FrameGeometry, camera_points, pixels
from training.projection.splat import splat
from training.projection.visible_points import NO_POINT, VisiblePoints, from_near_to_far


@dataclass(frozen=True)
class DepthTolerance:
    """How far from the measured depth a point may lie and still be what was measured.

    Attributes:
        metres: at any depth.
        share: of the measured depth; the larger of both counts.
    """

    metres: float = 0.05
    share: float = 0.0


PUBLISHED_TOLERANCE = DepthTolerance(0.1, 0.05)
"""|z - d| < max(0.1 m, 5 %)."""


def read_depth(path: Path, row: ManifestRow) -> Array:
    """A depth image in metres.

    Args:
        path: of the file that ``row.depth`` names, relative paths resolved.
        row: says what its numbers mean.

    Returns:
        float32 (h, w), metres along the optical axis, 0 = no measurement.

    Raises:
        DefectError: if it is missing, damaged or no one-channel image of 16 bits.
    """
    image = decode(read_bytes(path), path)
    if image.ndim != 2 or image.dtype != np.uint16:
        raise DefectError(
            DefectKind.UNREADABLE_IMAGE, path, f"{path} is no one-channel image of 16 bits"
        )
    depth: npt.NDArray[Any] = image.astype(np.float32)
    depth *= np.float32(1 / row.depth_scale)
    for number in row.depth_invalid:
        if number:
            depth[image == number] = 0
    return depth


def visible_by_depth(
    points: Array, geometry: FrameGeometry, depth: Array, *, tolerance: DepthTolerance | None = None
) -> VisiblePoints:
    """Points that the colour image shows, by the depth that was measured where they are.

    Args:
        points: float32 (N, 3), metres, world.
        geometry: of the frame.
        depth: float32 (h, w), metres, 0 = none; of the depth camera's size.
        tolerance: what counts as the same surface.

    Raises:
        ValueError: if the depth image is not of the size that its intrinsics are for.
    """
    tolerance = tolerance or DepthTolerance()
    camera = geometry.depth_intrinsics
    if depth.shape != (camera.height, camera.width):
        raise ValueError(
            f"the depth image is {depth.shape[1]}x{depth.shape[0]} pixels, its intrinsics are for "
            f"{camera.width}x{camera.height}"
        )
    index, u, v, z = _in_image(points, geometry.pose, geometry.intrinsics)
    seen = camera_points(points[index], geometry.depth_pose)
    column, row = pixels(seen, camera)
    column, row = np.rint(column), np.rint(row)
    inside = (seen[:, 2] > NEAR_M) & (column >= 0) & (column < camera.width)
    inside &= (row >= 0) & (row < camera.height)
    measured = np.zeros(len(index), np.float32)
    measured[inside] = depth[row[inside].astype(np.intp), column[inside].astype(np.intp)]
    allowed = np.maximum(np.float32(tolerance.metres), np.float32(tolerance.share) * measured)
    kept = np.nonzero((measured > 0) & (np.abs(seen[:, 2] - measured) < allowed))[0]
    return from_near_to_far(u[kept], v[kept], z[kept], index[kept].astype(np.uint32))


def _in_image(
    points: Array, pose: npt.NDArray[np.float64], intrinsics: Intrinsics
) -> tuple[npt.NDArray[np.intp], Array, Array, Array]:
    """Indices of the points inside the image, with column, row and depth."""
    camera = camera_points(points, pose)
    index = np.nonzero(camera[:, 2] > NEAR_M)[0]
    u, v = pixels(camera[index], intrinsics)
    inside = (
        (u >= -0.5) & (u < intrinsics.width - 0.5) & (v >= -0.5) & (v < intrinsics.height - 0.5)
    )
    index = index[inside]
    return index, u[inside], v[inside], camera[index, 2]


class SurfaceVisibility:
    """Visibility by the scan's own mesh, where frames have no depth.

    Args:
        scan: points and faces.

    Raises:
        DatasetError: if the scan has no faces.
    """

    TOLERANCE_M = 0.05

    def __init__(self, scan: Scan) -> None:
        import open3d as o3d

        if scan.faces is None:
            raise DatasetError(
                "the scan is a cloud without faces, so that nothing in it hides anything; it can "
                "only be projected into frames with depth images"
            )
        self._tensor = o3d.core.Tensor.from_numpy
        self._points = scan.points
        self._caster = o3d.t.geometry.RaycastingScene(nthreads=1)
        self._caster.add_triangles(
            self._tensor(np.ascontiguousarray(scan.points, np.float32)),
            self._tensor(np.ascontiguousarray(scan.faces, np.uint32)),
        )

    def visible(self, geometry: FrameGeometry) -> VisiblePoints:
        """Points that the colour image shows, those hidden by the mesh left out."""
        index, u, v, z = _in_image(self._points, geometry.pose, geometry.intrinsics)
        kept = ~self.occluded(index, geometry)
        return from_near_to_far(u[kept], v[kept], z[kept], index[kept].astype(np.uint32))

    def occluded(self, index: npt.NDArray[Any], geometry: FrameGeometry) -> npt.NDArray[np.bool_]:
        """Whether the mesh lies more than the tolerance before each of these points."""
        eye = geometry.pose[:3, 3].astype(np.float32)
        way = self._points[index] - eye
        length = np.linalg.norm(way, axis=1, keepdims=True)
        way *= np.maximum(1 - np.float32(self.TOLERANCE_M) / length, 0)
        rays = np.concatenate([np.broadcast_to(eye, way.shape), way], 1)
        return self._caster.test_occlusions(
            self._tensor(rays), tnear=0.0, tfar=1.0, nthreads=1
        ).numpy()

    def share_occluded(self, visible: VisiblePoints, geometry: FrameGeometry) -> float:
        """Share of covered pixels whose point the mesh hides; 0 where no pixel is covered."""
        image = geometry.intrinsics
        covering = splat(visible, image.height, image.width)
        covering = covering[covering != NO_POINT]
        return float(self.occluded(covering, geometry).mean()) if len(covering) else 0.0


def share_occluded(visible: VisiblePoints, geometry: FrameGeometry, scan: Scan) -> float:
    """Share of an image's covered pixels whose point the scan's own mesh hides.

    Args:
        visible: points of the frame.
        geometry: of the frame.
        scan: with faces.

    Raises:
        DatasetError: if the scan has no faces.
    """
    return SurfaceVisibility(scan).share_occluded(visible, geometry)
