# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A room as an RGB-D scanner would reconstruct it: a mesh with holes where nobody looked.

Depth images from several places are fused into a truncated signed distance field (Curless and Levoy
1996), whose zero level is the mesh, as in ScanNet; labels are those of the nearest true surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open3d as o3d
import trimesh
from numpy.random import Generator
from numpy.typing import NDArray

from seg3d2d_ros.atomic_file import write_file
from training.data.intrinsics import Intrinsics
from training.rendering.camera import look_at
from training.rendering.layout import FurnishedRoom
from training.rendering.mesh import Array
from training.rendering.render import render_flat, render_ground_truth

VOXEL_M = 0.025
_SIZE = (160, 120)
_FOV = float(np.deg2rad(75.0))
_REACH_M = 6.0
_DIRECTIONS = 8
_STAND_M = 1.6
"""The scanner stands about every so many metres."""
_LEAST_WEIGHT = 1.0
_BLOCKS = 20_000
_TRUNCATION_VOXELS = 4.0
"""Half the thickness of what a surface marks; thin things melt away with more."""


@dataclass(frozen=True, eq=False)
class ScannedMesh:
    """A reconstructed surface.

    Attributes:
        vertices: float32 [n, 3], metres, z up, the room's frame.
        colors: uint8 [n, 3], RGB.
        labels: uint16 [n], NYU-40 ids.
        instances: uint16 [n], as in the room's instance images.
        faces: int32 [m, 3].
    """

    vertices: Array
    colors: NDArray[np.uint8]
    labels: NDArray[np.uint16]
    instances: NDArray[np.uint16]
    faces: NDArray[np.int32]


def scan_room(furnished: FurnishedRoom, rng: Generator) -> ScannedMesh:
    """Scan a room from where a person with a hand-held scanner would stand; `rng` moves them."""
    intrinsics = Intrinsics.from_fov(*_SIZE, _FOV)
    matrix = o3d.core.Tensor.from_numpy(intrinsics.matrix)
    grid = o3d.t.geometry.VoxelBlockGrid(
        attr_names=("tsdf", "weight", "color"),
        attr_dtypes=(o3d.core.float32, o3d.core.float32, o3d.core.float32),
        attr_channels=tuple(o3d.core.SizeVector([count]) for count in (1, 1, 3)),
        voxel_size=VOXEL_M,
        block_resolution=8,
        block_count=_BLOCKS,
    )
    for pose in _stands(furnished, rng):
        depth = render_ground_truth(furnished.scene, intrinsics, pose).depth
        color = render_flat(furnished.scene, intrinsics, pose)
        depth_image = o3d.t.geometry.Image(o3d.core.Tensor.from_numpy(depth))
        color_image = o3d.t.geometry.Image(o3d.core.Tensor.from_numpy(color))
        extrinsic = o3d.core.Tensor.from_numpy(np.linalg.inv(pose))
        seen = (matrix, extrinsic, 1.0, _REACH_M, _TRUNCATION_VOXELS)
        blocks = grid.compute_unique_block_coordinates(depth_image, *seen)
        grid.integrate(blocks, depth_image, color_image, matrix, *seen)
    mesh = grid.extract_triangle_mesh(_LEAST_WEIGHT)
    vertices = mesh.vertex.positions.numpy()
    faces = mesh.triangle.indices.numpy().astype(np.int32)
    colors = np.clip(mesh.vertex.colors.numpy() * 255 + 0.5, 0, 255).astype(np.uint8)
    # the field's blocks come in no fixed order: the same seed must give the same bytes
    order = np.lexsort(vertices.T)
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    faces = rank[faces]
    faces = np.take_along_axis(
        faces, (faces.argmin(1)[:, None] + np.arange(3)) % 3, 1
    )  # the same turn, the lowest vertex first
    faces = faces[np.lexsort(faces.T[::-1])]
    vertices = np.ascontiguousarray(vertices[order])
    triangle = furnished.scene.nearest_triangle(vertices)
    return ScannedMesh(
        vertices,
        colors[order],
        furnished.scene.label[triangle].astype(np.uint16),
        furnished.scene.instance[triangle],
        faces,
    )


def _stands(furnished: FurnishedRoom, rng: Generator) -> list[NDArray[np.float64]]:
    room = furnished.room
    poses = []
    for x in _spread(room.width):
        for y in _spread(room.depth):
            eye = np.array([x, y, 1.5]) + rng.normal(0, 0.08, 3)
            start = rng.uniform(0, 2 * np.pi)
            for k in range(_DIRECTIONS):
                angle = start + 2 * np.pi * k / _DIRECTIONS
                ahead = np.array([np.cos(angle), np.sin(angle), -0.55 if k % 2 else -0.1])
                poses.append(look_at(eye, eye + ahead, 0.0))
    return poses


def _spread(length: float) -> Array:
    count = max(1, round(length / _STAND_M) - 1)
    places: Array = ((np.arange(count) + 0.5) / count * (length - 1.0) + 0.5).astype(np.float32)
    return places


def write_scan(folder: Path, name: str, mesh: ScannedMesh) -> None:
    """Write ``<name>_vh_clean_2.ply`` and ``<name>_vh_clean_2.labels.ply`` as ScanNet has them.

    Binary, little-endian; vertices x, y, z, RGBA; in the second also ``ushort label``, NYU-40.

    Raises:
        OSError: if they can't be written.
    """
    plain = trimesh.Trimesh(mesh.vertices, mesh.faces, vertex_colors=mesh.colors, process=False)
    labelled = plain.copy()
    labelled.vertex_attributes["label"] = mesh.labels
    labelled.vertex_attributes["instance"] = mesh.instances
    for suffix, content in ((".ply", plain), (".labels.ply", labelled)):
        data = content.export(file_type="ply", encoding="binary", include_attributes=True)
        write_file(folder / f"{name}_vh_clean_2{suffix}", data)
