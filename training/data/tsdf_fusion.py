# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Depth and colour images with poses, fused into a mesh.

Images are merged into a truncated signed distance field on a grid of sparse blocks (Curless and
Levoy 1996; Nießner et al. 2013), whose zero level is the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import open3d as o3d

from training.data.intrinsics import Array, Intrinsics

BLOCK_VOXELS = 8
"""A block of the grid has so many voxels along each edge."""
START_BLOCKS = 20_000
MAX_BLOCKS = 100_000
"""10 kB each; a process takes up to 2.7 GB then, as the grid doubles when it is full. With voxels
of 2 cm these are some 1200 square metres of flat surface."""
TRUNCATION_VOXELS = 4.0
"""Half the thickness of what a surface marks; thin things melt away with more."""
_STRIDE = 4
_SHIFT_VOXELS = np.array([0.37, 0.41, 0.43])
"""Of the world against the grid. Floors and walls of made scenes lie at round numbers; in a plane
of voxels the field is zero but for rounding, and its surface has twice the vertices."""


class FusionError(ValueError):
    """Images can't be fused; the message is one sentence."""


@dataclass(frozen=True, eq=False)
class FusedMesh:
    """A reconstructed surface; the same images give it in the same order.

    Attributes:
        vertices: float32 (N, 3), metres, the world frame of the poses.
        colors: uint8 (N, 3), RGB.
        faces: int32 (M, 3).
    """

    vertices: Array
    colors: npt.NDArray[np.uint8]
    faces: npt.NDArray[np.int32]


class TsdfFusion:
    """A field to which images are added one by one; its memory grows with the surface seen.

    Args:
        voxel_size: edge of a voxel, metres.
        reach: depth in metres beyond which measurements are ignored.
        truncation_voxels: distance from the surface, in voxels, at which the field is cut off.
        max_blocks: of 8x8x8 voxels, about 10 kB each.
    """

    def __init__(
        self,
        voxel_size: float,
        reach: float,
        *,
        truncation_voxels: float = TRUNCATION_VOXELS,
        max_blocks: int = MAX_BLOCKS,
    ) -> None:
        self._voxel_size = voxel_size
        self._seen = (1.0, float(reach), truncation_voxels)
        self._max_blocks = max_blocks
        self._shift = _SHIFT_VOXELS * voxel_size
        self._grid = o3d.t.geometry.VoxelBlockGrid(
            attr_names=("tsdf", "weight", "color"),
            attr_dtypes=(o3d.core.float32, o3d.core.float32, o3d.core.float32),
            attr_channels=tuple(o3d.core.SizeVector([count]) for count in (1, 1, 3)),
            voxel_size=voxel_size,
            block_resolution=BLOCK_VOXELS,
            block_count=min(START_BLOCKS, max_blocks),  # the grid grows beyond
        )

    def add(
        self, depth: Array, color: Array, intrinsics: Intrinsics, pose: npt.NDArray[np.float64]
    ) -> None:
        """Merge one view; nothing happens if it has no measurement within reach.

        Args:
            depth: float32 (H, W), metres along the optical axis; 0 = no measurement.
            color: float32 (H, W, 3), RGB, 0 to 1, of the same camera.
            intrinsics: of both.
            pose: camera to world, 4x4.

        Raises:
            FusionError: if the surface would take more memory than is allowed.
        """
        # Open3D looks for surfaces at every fourth pixel, but not at the last one of a row whose
        # length is no multiple of four, raises an error where it finds none, and integrates up to
        # the second last column: with a margin it does all that there is.
        margin = [(0, _STRIDE - length % _STRIDE) for length in depth.shape]
        depth = np.pad(depth, margin)
        color = np.pad(color, (*margin, (0, 0)))
        looked_at = depth[::_STRIDE, ::_STRIDE]
        if not ((looked_at > 0) & (looked_at < self._seen[1])).any():
            return
        depth_image = o3d.t.geometry.Image(o3d.core.Tensor.from_numpy(depth))
        color_image = o3d.t.geometry.Image(o3d.core.Tensor.from_numpy(color))
        in_grid = pose.copy()
        in_grid[:3, 3] += self._shift
        seen = (o3d.core.Tensor.from_numpy(np.linalg.inv(in_grid)), *self._seen)
        # Its search for blocks has pixel centres at integers, as intrinsics have here. Its
        # integration cuts a voxel's column and row down to whole numbers, for which the first
        # centre is at 0.5; with one matrix for both, colours are of the pixel that depth is of.
        centred = o3d.core.Tensor.from_numpy(intrinsics.matrix)
        matrix = intrinsics.matrix
        matrix[:2, 2] += 0.5
        cut_down = o3d.core.Tensor.from_numpy(matrix)
        blocks = self._grid.compute_unique_block_coordinates(depth_image, centred, *seen)
        self._reserve(blocks)
        self._grid.integrate(blocks, depth_image, color_image, cut_down, cut_down, *seen)

    def _reserve(self, blocks: Any) -> None:
        table = self._grid.hashmap()
        _, known = table.find(blocks)
        needed = table.size() + int((~known.numpy()).sum())
        if needed > self._max_blocks:
            edge = BLOCK_VOXELS * self._voxel_size
            raise FusionError(
                f"the surface fills more than {self._max_blocks} cubes of {100 * edge:g} cm, the "
                "limit that keeps memory bounded; divide the recording, or check its poses and "
                "depth scale"
            )

    def mesh(self, least_views: int = 2) -> FusedMesh:
        """The zero level of the field.

        Args:
            least_views: number of views that must have seen a place.

        Raises:
            FusionError: if there is no surface.
        """
        if not self._grid.hashmap().size():
            raise FusionError("no depth image has a measurement within reach")
        mesh = self._grid.extract_triangle_mesh(least_views - 0.5)  # each view weighs 1
        if "positions" not in mesh.vertex or not len(mesh.vertex.positions):
            raise FusionError("the depth images make no surface")
        vertices = (mesh.vertex.positions.numpy() - self._shift).astype(np.float32)
        faces = mesh.triangle.indices.numpy().astype(np.int32)
        colors = np.clip(mesh.vertex.colors.numpy() * 255 + 0.5, 0, 255).astype(np.uint8)
        # The field's blocks come in no fixed order.
        order = np.lexsort(vertices.T)
        rank = np.empty(len(order), np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        faces = rank[faces]
        faces = np.take_along_axis(
            faces, (faces.argmin(1)[:, None] + np.arange(3)) % 3, 1
        )  # the same turn, the lowest vertex first
        faces = faces[np.lexsort(faces.T[::-1])]
        return FusedMesh(np.ascontiguousarray(vertices[order]), colors[order], faces)
