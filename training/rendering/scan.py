# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A room as an RGB-D scanner would reconstruct it: a mesh with holes where nobody looked.

Depth images from several places are fused as ScanNet's are; labels are those of the nearest true
surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from numpy.random import Generator
from numpy.typing import NDArray

from seg3d2d_ros.atomic_file import write_file
from training.data.intrinsics import Intrinsics
from training.data.tsdf_fusion import TsdfFusion
from training.rendering.camera import look_at
from training.rendering.layout import FurnishedRoom
from training.rendering.mesh import Array
from training.rendering.render import render_flat, render_ground_truth

VOXEL_M = 0.025
_SIZE = (160, 120)
_FOV = float(np.deg2rad(75.0))
_REACH_M = 6.0
_DIRECTIONS = 8
_LEVEL, _DOWN = -0.1, -0.9
"""Vertical part of the directions, for one ahead: every second look is at the floor."""
_STAND_M = 1.6
"""The scanner stands about every so many metres, and in two places at least."""


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
    fusion = TsdfFusion(VOXEL_M, _REACH_M)
    for pose in _stands(furnished, rng):
        depth = render_ground_truth(furnished.scene, intrinsics, pose).depth
        fusion.add(depth, render_flat(furnished.scene, intrinsics, pose), intrinsics, pose)
    mesh = fusion.mesh(least_views=1)  # the depth images have no noise that a second view mends
    triangle = furnished.scene.nearest_triangle(mesh.vertices)
    return ScannedMesh(
        mesh.vertices,
        mesh.colors,
        furnished.scene.label[triangle].astype(np.uint16),
        furnished.scene.instance[triangle],
        mesh.faces,
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
                ahead = np.array([np.cos(angle), np.sin(angle), _LEVEL if k % 2 else _DOWN])
                poses.append(look_at(eye, eye + ahead, 0.0))
    return poses


def _spread(length: float) -> Array:
    count = max(2, round(length / _STAND_M))
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
