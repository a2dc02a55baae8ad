# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Basins that are let into something, and their taps."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from training.rendering.mesh import Material, Mesh, box, merge, plain, quad, rod

# A rectangle seen from above: x from, x to, y from, y to, metres.
Area = tuple[float, float, float, float]


def tap(rng: Generator, x: float, y: float, z: float) -> Mesh:
    """A tap that stands at a point in metres and reaches towards -y."""
    chrome = plain((0.6, 0.6, 0.62), 0.5)
    h = rng.uniform(0.15, 0.3)
    return merge(
        [
            rod((x, y, z), (x, y, z + h), 0.013, chrome),
            rod((x, y, z + h), (x, y - 0.18, z + h * 0.9), 0.011, chrome),
        ]
    )


def basin(area: Area, z: float, depth: float, m: Material) -> Mesh:
    """An open box `depth` metres deep below height `z`, with a rim around it."""
    x0, x1, y0, y1 = area
    r = 0.02
    parts = [
        quad((x0, y0, z - depth), (x1 - x0, 0, 0), (0, y1 - y0, 0), m),
        quad((x0, y0, z - depth), (0, y1 - y0, 0), (0, 0, depth), m),
        quad((x1, y0, z - depth), (0, y1 - y0, 0), (0, 0, depth), m),
        quad((x0, y0, z - depth), (x1 - x0, 0, 0), (0, 0, depth), m),
        quad((x0, y1, z - depth), (x1 - x0, 0, 0), (0, 0, depth), m),
        box((x0 - r, y0 - r, z), (x1 + r, y0, z + 0.004), m),
        box((x0 - r, y1, z), (x1 + r, y1 + r, z + 0.004), m),
        box((x0 - r, y0, z), (x0, y1, z + 0.004), m),
        box((x1, y0, z), (x1 + r, y1, z + 0.004), m),
    ]
    return merge(parts)


def cut(mesh: Mesh, area: Area, z: float) -> Mesh:
    """Without horizontal triangles above `z` that reach over the rectangle."""
    x0, x1, y0, y1 = area
    v = mesh.vertices
    over = (
        (v[..., 2].min(1) > z)
        & (np.ptp(v[..., 2], axis=1) < 1e-4)
        & (v[..., 0].max(1) > x0)
        & (v[..., 0].min(1) < x1)
        & (v[..., 1].max(1) > y0)
        & (v[..., 1].min(1) < y1)
    )
    k = ~over
    return Mesh(v[k], mesh.normals[k], mesh.uv[k], mesh.material[k], mesh.materials)
