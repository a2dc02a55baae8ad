# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A scene's mesh from its frames' depth images, for scenes that have no scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError, DefectKind
from training.data.depth_images import read_depth
from training.data.frame_checks import decode, is_pose, read_bytes
from training.data.intrinsics import Array, Intrinsics
from training.data.manifest import ManifestRow
from training.data.scan import Scan
from training.data.tsdf_fusion import MAX_BLOCKS, FusionError, TsdfFusion

VOXEL_M = 0.02
REACH_M = 4.0
"""Structured-light sensors' depth is uncertain by some 3 cm there, and by its square beyond."""
_HIDDEN = 0.03
"""Share of its depth by which a point lies behind another where the colour camera can't see it."""


@dataclass(frozen=True, eq=False)
class DepthView:
    """What a depth camera measured, with the colours that the colour camera saw there.

    Attributes:
        depth: float32 (H, W), metres along the optical axis; 0 = no measurement.
        color: float32 (H, W, 3), RGB, 0 to 1; 0 where the colour camera did not see the place.
        seen: bool (H, W), where it did.
        intrinsics: of the depth camera.
        pose: depth camera to world, 4x4.
    """

    depth: Array
    color: Array
    seen: npt.NDArray[np.bool_]
    intrinsics: Intrinsics
    pose: npt.NDArray[np.float64]


def can_be_fused(row: ManifestRow) -> bool:
    """Whether a frame has depth, a usable pose and intrinsics."""
    return (
        row.depth is not None
        and row.intrinsics is not None
        and row.pose is not None
        and is_pose(row.pose)
    )


def depth_view(row: ManifestRow, folder: Path) -> DepthView:
    """Read a frame's depth and look its colours up.

    Args:
        row: a frame that :func:`can_be_fused`.
        folder: of the manifest.

    Raises:
        DefectError: if a file is missing or damaged, depth is not one channel of 16 bits, or one
            is of another size than its camera's images.
    """
    assert row.depth is not None and row.intrinsics is not None and row.pose is not None
    camera = Intrinsics.from_row(row.intrinsics)
    depth_camera = Intrinsics.from_row(row.depth_intrinsics or row.intrinsics)
    path = folder / row.image
    image = decode(read_bytes(path), path, cv2.IMREAD_COLOR)
    _check_size(image, camera, path)
    depth = read_depth(folder / row.depth, row)
    _check_size(depth, depth_camera, folder / row.depth)
    color = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.float32) / 255
    pose = np.array(row.pose, np.float64).reshape(4, 4)
    if row.depth_to_color is None and depth_camera == camera:
        return DepthView(depth, color, depth > 0, depth_camera, pose)
    to_color = np.eye(4)
    if row.depth_to_color is not None:
        to_color = np.array(row.depth_to_color, np.float64).reshape(4, 4)
    colors, seen = _look_up(depth, depth_camera, color, camera, to_color)
    return DepthView(depth, colors, seen, depth_camera, pose @ to_color)


def reconstruct(
    rows: Sequence[ManifestRow],
    folder: Path,
    *,
    voxel_size: float = VOXEL_M,
    reach: float = REACH_M,
) -> Scan:
    """Fuse a scene's depth images into a mesh with the colours of its images.

    What a frame's depth camera sees and its colour camera does not, is left to other frames.
    Frames without depth, pose or intrinsics or with files that can't be read add nothing; `prepare`
    lists them.

    Args:
        rows: frames of one scene.
        folder: of the manifest.
        voxel_size: metres.
        reach: depth in metres beyond which measurements are ignored.

    Returns:
        Points without labels, and faces; the same files give the same, in the same order.

    Raises:
        FusionError: if no frame can be used, there is no surface, or it takes too much memory.
    """
    fusion = TsdfFusion(voxel_size, reach, max_blocks=MAX_BLOCKS)
    used = False
    for row in rows:
        if not can_be_fused(row):
            continue
        try:
            view = depth_view(row, folder)
        except DefectError:
            continue
        fusion.add(np.where(view.seen, view.depth, 0), view.color, view.intrinsics, view.pose)
        used = True
    if not used:
        raise FusionError("no frame has depth, a pose and intrinsics and can be read")
    # Asking for more views would lose much of sparse recordings, and hardly any false surface.
    mesh = fusion.mesh(least_views=1)
    return Scan(mesh.vertices, mesh.colors, faces=mesh.faces)


def _check_size(image: npt.NDArray[Any], camera: Intrinsics, path: Path) -> None:
    if image.shape[:2] != (camera.height, camera.width):
        raise DefectError(
            DefectKind.SIZE_MISMATCH, path, f"{path} does not have the size of its camera's images"
        )


def _look_up(
    depth: Array,
    depth_camera: Intrinsics,
    color: Array,
    camera: Intrinsics,
    to_color: npt.NDArray[np.float64],
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Colours of a depth image's pixels, and which of them the colour camera sees."""
    # Column by column in single precision: a point is good to a thousandth of a pixel.
    turned = depth_camera.rays() @ to_color[:3, :3].T.astype(np.float32)
    flat = depth.ravel()
    x, y, z = (turned[:, k] * flat + np.float32(to_color[k, 3]) for k in range(3))
    measured = (flat > 0) & (z > 1e-3)
    away = np.where(measured, z, np.float32(1))
    u = np.where(measured, np.float32(camera.fx) * x / away + np.float32(camera.cx), np.float32(-1))
    v = np.where(measured, np.float32(camera.fy) * y / away + np.float32(camera.cy), np.float32(-1))
    inside = measured & (u > -0.5) & (v > -0.5) & (u < camera.width - 0.5)
    inside &= v < camera.height - 0.5
    # The nearest point in cells of the colour image that are coarse enough to have no gaps.
    cell = int(np.ceil(2 * max(camera.fx / depth_camera.fx, camera.fy / depth_camera.fy, 1.0)))
    columns, rows = -(-camera.width // cell), -(-camera.height // cell)
    column = np.clip((u[inside] + 0.5).astype(np.int32) // cell, 0, columns - 1)
    row = np.clip((v[inside] + 0.5).astype(np.int32) // cell, 0, rows - 1)
    place, distance = row * columns + column, z[inside]
    nearest = np.full(rows * columns, np.inf, np.float32)
    np.minimum.at(nearest, place, distance)
    seen = inside.copy()
    seen[inside] = distance < (1 + _HIDDEN) * nearest[place]
    shape = depth.shape
    colors = cv2.remap(
        color,
        u.reshape(shape),
        v.reshape(shape),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    visible = seen.reshape(shape)
    return np.where(visible[..., None], colors, 0).astype(np.float32), visible
