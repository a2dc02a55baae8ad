# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A scan made small enough for a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from training.data.intrinsics import Array
from training.data.scan import Scan

MAX_TRIANGLES = 60_000
_AS_IT_IS = 1.25
"""Meshes of that many times as many triangles are not simplified."""
MAX_POINTS = 100_000
"""Of a cloud; a mesh of as many triangles has about half as many vertices."""
_NO_COLOR = (170, 170, 170)


@dataclass(frozen=True, eq=False)
class ShownSurface:
    """What is drawn of a scan.

    Attributes:
        points: float32 (N, 3), metres, world.
        colors: uint8 (N, 3), RGB.
        classes: (N,), ids of the label space; None for a scan without labels.
        faces: int32 (M, 3); None for a cloud.
        note: a sentence: what of the scan is drawn.
    """

    points: Array
    colors: npt.NDArray[np.uint8]
    classes: npt.NDArray[Any] | None
    faces: npt.NDArray[np.int32] | None
    note: str


def shown_surface(scan: Scan, table: npt.NDArray[Any]) -> ShownSurface:
    """Simplify a scan by vertex clustering, where it is too large.

    Clusters have the mean place of their vertices (Rossignac and Borrel 1993), and colour and
    label of the vertex nearest to it. Unlike the collapse of edges by their geometric error this
    keeps triangles small on flat walls, where colours and labels change too.

    Args:
        scan: points, or a mesh.
        table: the class of each id of the scan's labels, (65536,).
    """
    colors = scan.colors if scan.colors.any() else np.full_like(scan.colors, _NO_COLOR)
    classes = None if scan.labels is None else table[scan.labels]
    if scan.faces is None:
        kept, note = _thinned(scan.points)
        return ShownSurface(
            scan.points[kept], colors[kept], None if classes is None else classes[kept], None, note
        )
    if len(scan.faces) <= _AS_IT_IS * MAX_TRIANGLES:
        note = f"The mesh is drawn as it is, with {len(scan.faces):,} triangles."
        return ShownSurface(scan.points, colors, classes, scan.faces, note)
    points, faces, cell = _clustered(scan.points, scan.faces)
    nearest = cKDTree(scan.points).query(points)[1]
    note = (
        f"{len(faces):,} of the mesh's {len(scan.faces):,} triangles are drawn (its vertices are "
        f"merged in cells of {100 * cell:.1f} cm)."
    )
    shown_classes = None if classes is None else classes[nearest]
    return ShownSurface(points, colors[nearest], shown_classes, faces, note)


def _clustered(points: Array, faces: npt.NDArray[np.int32]) -> tuple[Array, Any, float]:
    """Points, faces and the cell's side in metres."""
    import open3d as o3d

    mesh = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(points.astype(np.float64)), o3d.utility.Vector3iVector(faces)
    )
    corners = points[faces]
    sides = corners[:, 1:] - corners[:, :1]
    area = float(np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1).sum()) / 2
    # A flat surface in cells of side s has two triangles in s^2; more where it bends.
    cell = max(np.sqrt(2 * area / MAX_TRIANGLES), 1e-4)
    while True:
        small = mesh.simplify_vertex_clustering(cell)
        small.remove_duplicated_triangles()
        small.remove_degenerate_triangles()
        small.remove_unreferenced_vertices()
        if len(small.triangles) <= MAX_TRIANGLES:
            vertices = np.asarray(small.vertices).astype(np.float32)
            return vertices, np.asarray(small.triangles).astype(np.int32), cell
        cell *= 1.06


def _thinned(points: Array) -> tuple[npt.NDArray[np.intp], str]:
    """Indices of at most ``MAX_POINTS`` points, one for each cell of a grid, and the note."""
    if len(points) <= MAX_POINTS:
        return np.arange(len(points)), f"All of the cloud's {len(points):,} points are drawn."
    cell = max(0.01, float(np.ptp(points, 0).max()) / 2**20)  # so that the keys fit 64 bits
    while True:
        keys = np.floor((points - points.min(0)) / cell).astype(np.int64)
        side = keys.max(0) + 1
        flat = (keys[:, 0] * side[1] + keys[:, 1]) * side[2] + keys[:, 2]
        kept = np.sort(np.unique(flat, return_index=True)[1])
        if len(kept) <= MAX_POINTS:
            note = (
                f"{len(kept):,} of the cloud's {len(points):,} points are drawn (one for each "
                f"cell of {100 * cell:.1f} cm)."
            )
            return kept, note
        cell *= 1.25
