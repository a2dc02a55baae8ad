# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which points of a scan an image shows: by the frame's depth image or by the scan's mesh."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Array, Intrinsics
from training.data.labelled_frames import DatasetError
from training.data.scan import Scan
from training.projection import point_kernel
from training.projection.compilation import floats
from training.projection.depth_test import DepthTolerance
from training.projection.geometry import (
    FrameGeometry,
    camera_points,
    directions,
    lens,
    motion_to_camera,
)
from training.projection.near_to_far import near_to_far
from training.projection.parallax import BASELINE_M, hidden_by_parallax
from training.projection.scratch import Scratch
from training.projection.visible_points import NO_POINT, VisiblePoints, scan_points, view_of

_SCRATCH = Scratch()


def visible_by_depth(
    points: Array,
    geometry: FrameGeometry,
    depth: Array,
    *,
    tolerance: DepthTolerance = DepthTolerance(),  # noqa: B008 - immutable
) -> VisiblePoints:
    """Points that the colour image shows, by the depth that was measured where they are.

    The test is done in the depth camera's own image, whose size, intrinsics and pose may differ
    from the colour camera's; no depth is resized. Where the cameras stand apart, what the depth
    image has twice the tolerance before a point in the colour camera's view hides it too.

    Args:
        points: float32 (N, 3), metres, world; copied if they are not contiguous or of another type.
        geometry: of the frame.
        depth: float32 (h, w), metres, 0, negative or not finite = none; of the depth camera's size;
            copied likewise.
        tolerance: what counts as the same surface.

    Raises:
        ValueError: if the depth image is not of the size that its intrinsics are for, or the points
            have another shape.
    """
    camera = geometry.depth_intrinsics
    if depth.shape != (camera.height, camera.width):
        raise ValueError(
            f"the depth image is {depth.shape[1]}x{depth.shape[0]} pixels, its intrinsics are for "
            f"{camera.width}x{camera.height}"
        )
    points, depth = scan_points(points), floats(depth)
    bordered = _SCRATCH.array("depth", (camera.height + 2) * (camera.width + 2), np.float32)
    point_kernel.add_border(depth, bordered)
    u, v, z = (_SCRATCH.array(name, len(points), np.float32) for name in ("u", "v", "z"))
    index = _SCRATCH.array("index", len(points), np.uint32)
    count = point_kernel.in_image_and_measured(
        *(points.ravel(), *view_of(geometry)),
        *(motion_to_camera(geometry.depth_to_color), lens(camera)),
        *(bordered, camera.height, camera.width),
        *(tolerance.metres, tolerance.share, tolerance.local_plane, u, v, z, index),
    )
    visible = VisiblePoints(*near_to_far(z[:count], u[:count], v[:count], index[:count]))
    if tolerance.local_plane and np.linalg.norm(geometry.depth_to_color[:3, 3]) > BASELINE_M:
        seen = camera_points(points[visible.index], geometry.pose)
        shown = ~hidden_by_parallax(seen, geometry, depth, 2 * tolerance.metres)
        visible = VisiblePoints(visible.u[shown], visible.v[shown], visible.index[shown])
    return visible


class SurfaceVisibility:
    """Visibility by the scan's own mesh, where frames have no depth.

    The mesh's depth is rendered by ray casting, and points are tested against it by the same rule
    as against a measured depth. What the scan lacks hides nothing: on synthetic rooms, whose scans
    have holes, 5 % of the covered pixels get a point that a true surface hides, 0.02 % one that the
    mesh hides (`bench/projection.py`). Casting a ray to each point would double the former, for a
    coarse depth image keeps points away from the edges of holes.

    Args:
        scan: points and faces.

    Raises:
        DatasetError: if the scan has no faces.
    """

    LONG_SIDE = 160
    """Of the depth image that is rendered, pixels; about a voxel of 2.5 cm at 3 m."""
    HIDDEN_M = 0.1
    """A point is occluded if the mesh meets its ray more than this before it, along the ray.

    A scan is not the room. Fusion thickens what is thin by up to its truncation distance, usually 4
    voxels of 2.5 cm, so that surfaces of the mesh lie that far before the true ones. On 32 views of
    8 rooms made in code (`bench/projection.py`, 640x480) 0.8 % of the covered pixels count as
    occluded by depth and 17 % by the published code's rule; true surfaces hide 0.001 % and 23 %.
    """

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

    def depth(self, intrinsics: Intrinsics, pose: npt.NDArray[np.float64]) -> Array:
        """Depth of the mesh through the pixel centres, float32 (h, w), metres, 0 = none."""
        ways = (pose[:3, :3].astype(np.float32) @ directions(intrinsics)).T
        # The directions have z = 1 in the optical frame, so the distance of the hit is the depth.
        met: Array = self._caster.cast_rays(self._rays(pose, ways), nthreads=1)["t_hit"].numpy()
        return np.where(np.isfinite(met), met, 0).reshape(intrinsics.height, intrinsics.width)

    def _rays(self, pose: npt.NDArray[np.float64], ways: Array) -> Any:
        eyes = np.broadcast_to(pose[:3, 3].astype(np.float32), ways.shape)
        return self._tensor(np.concatenate([eyes, ways], 1))

    def visible(
        self,
        geometry: FrameGeometry,
        *,
        tolerance: DepthTolerance = DepthTolerance(),  # noqa: B008 - immutable
    ) -> VisiblePoints:
        """Points that the colour image shows."""
        image = geometry.intrinsics
        scale = min(1.0, self.LONG_SIDE / max(image.width, image.height))
        small = image.scaled(
            max(1, round(image.width * scale)), max(1, round(image.height * scale))
        )
        at_one_place = FrameGeometry(geometry.pose, image, small, np.eye(4))
        rendered = self.depth(small, geometry.pose)
        return visible_by_depth(self._points, at_one_place, rendered, tolerance=tolerance)

    def occluded(self, index: npt.NDArray[Any], geometry: FrameGeometry) -> npt.NDArray[np.bool_]:
        """Whether the mesh lies more than ``HIDDEN_M`` before each of these points.

        Args:
            index: of the scan's points, (K,).
            geometry: whose colour camera looks.
        """
        ways = self._points[index] - geometry.pose[:3, 3].astype(np.float32)
        length = np.linalg.norm(ways, axis=1, keepdims=True)
        ways *= np.maximum(1 - np.float32(self.HIDDEN_M) / np.maximum(length, 1e-6), 0)
        return self._caster.test_occlusions(
            self._rays(geometry.pose, ways), tnear=0.0, tfar=1.0, nthreads=1
        ).numpy()

    def share_occluded(
        self, index_map: npt.NDArray[np.uint32], geometry: FrameGeometry
    ) -> float | None:
        """Share of the covered places whose point the mesh hides; None where none is covered.

        Args:
            index_map: the point of each pixel or cell, see
                :func:`training.projection.splat.splat`.
            geometry: of the frame.
        """
        index = index_map[index_map != NO_POINT]
        return float(self.occluded(index, geometry).mean()) if len(index) else None
