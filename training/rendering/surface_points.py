# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Surface points that rays meet: place, shading normal and material."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.rendering.mesh import Array, dot, length
from training.rendering.scene import Hits, Scene


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """Surface points met by rays: one row per hit, `rows` says of which ray."""

    rows: NDArray[np.int64]
    point: Array
    normal: Array
    albedo: Array
    gloss: Array
    emission: Array


def surface_points(
    scene: Scene, hits: Hits, origins: Array, directions: Array, spread: float
) -> SurfacePoints:
    """What rays met.

    Args:
        scene: that they were cast into.
        hits: the answer.
        origins: [n, 3], metres.
        directions: [n, 3].
        spread: angle between neighbouring rays, which chooses the texture's resolution.
    """
    rows = np.nonzero(hits.triangle >= 0)[0]
    triangle = hits.triangle[rows]
    distance = hits.distance[rows, None]
    direction = directions[rows]
    point = origins[rows] + direction * distance
    normal = scene.interpolate(scene.normals, hits, rows)
    normal /= np.maximum(length(normal), 1e-6)[:, None]
    face = scene.face_normals[triangle]
    face = np.where(dot(face, direction)[:, None] > 0, -face, face)
    # Shading normals that face away from the viewer would light the wrong side.
    agrees = dot(normal, face)[:, None]
    normal = np.where(agrees < 0, -normal, normal)
    normal = np.where(np.abs(agrees) < 0.2, face, normal)
    slant = np.abs(dot(face, direction)) / np.maximum(length(direction), 1e-6)
    footprint = (distance[:, 0] * spread / np.sqrt(np.maximum(slant, 0.05))).astype(np.float32)
    material = scene.material[triangle]
    uv = scene.interpolate(scene.uv, hits, rows)
    albedo = scene.atlas.lookup(material, triangle, uv, footprint)
    return SurfacePoints(
        rows, point, normal, albedo, scene.gloss[material], scene.emission[material]
    )
