# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Triangles with normals, texture coordinates and materials, and the shapes rooms are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Material:
    """How a surface reflects light.

    Attributes:
        texture: float32 [h, w, 3] linear reflectance in 0..1, row 0 at v = 1; tiles endlessly.
        gloss: share of light mirrored at normal incidence, 0..1.
        emission: radiance the surface gives off, relative to a lit white wall of about 1.
    """

    texture: Array
    gloss: float = 0.0
    emission: float = 0.0


def vector(*values: float) -> Array:
    """The values as float32 [len(values)]."""
    return np.array(values, np.float32)


def dot(a: Array, b: Array) -> Array:
    """Row-wise scalar products of [n, 3] and [n, 3]: float32 [n]."""
    return np.einsum("ij,ij->i", a, b)


def length(vectors: Array) -> Array:
    """Row-wise lengths of [n, 3]: float32 [n]."""
    return np.sqrt(dot(vectors, vectors))


def plain(color: Sequence[float] | Array, gloss: float = 0.0, emission: float = 0.0) -> Material:
    """A material of one linear RGB colour in 0..1."""
    return Material(np.asarray(color, np.float32).reshape(1, 1, 3), gloss, emission)


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle soup.

    Attributes:
        vertices: float32 [n, 3, 3], metres.
        normals: float32 [n, 3, 3], unit length.
        uv: float32 [n, 3, 2], one unit is one repetition of the texture.
        material: int32 [n], index into `materials`.
        materials: the materials.
    """

    vertices: Array
    normals: Array
    uv: Array
    material: NDArray[np.int32]
    materials: list[Material] = field(default_factory=list)

    def transformed(self, rotation: Array, offset: Sequence[float] | Array) -> Mesh:
        """The mesh rotated by a 3x3 matrix, then moved by `offset` in metres."""
        r = np.asarray(rotation, np.float32)
        return Mesh(
            self.vertices @ r.T + np.asarray(offset, np.float32),
            self.normals @ r.T,
            self.uv,
            self.material,
            self.materials,
        )

    def placed(self, x: float, y: float, z: float = 0.0, yaw: float = 0.0) -> Mesh:
        """The mesh turned by `yaw` radians about z, then moved to (x, y, z) in metres."""
        return self.transformed(rotation_z(yaw), (x, y, z))

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Lowest and highest corner, float32 [3] each."""
        flat = self.vertices.reshape(-1, 3)
        return flat.min(0), flat.max(0)


def rotation_z(yaw: float) -> Array:
    """Rotation by `yaw` radians about z, float32 [3, 3]."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)


def merge(meshes: Iterable[Mesh]) -> Mesh:
    """One mesh of several."""
    parts = list(meshes)
    offsets = np.cumsum([0] + [len(m.materials) for m in parts])
    return Mesh(
        np.concatenate([m.vertices for m in parts]),
        np.concatenate([m.normals for m in parts]),
        np.concatenate([m.uv for m in parts]),
        np.concatenate(
            [m.material + np.int32(o) for m, o in zip(parts, offsets[:-1], strict=True)]
        ).astype(np.int32),
        [material for m in parts for material in m.materials],
    )


def quad(
    corner: Sequence[float],
    edge_u: Sequence[float],
    edge_v: Sequence[float],
    material: Material,
    uv_scale: float | None = None,
    *,
    uv_offset: tuple[float, float] = (0.0, 0.0),
) -> Mesh:
    """A parallelogram whose front faces edge_u x edge_v.

    With `uv_scale` (metres per repetition) the texture tiles in metres, otherwise it fits once.
    """
    c, u, v = (np.asarray(a, np.float32) for a in (corner, edge_u, edge_v))
    normal = np.cross(u, v)
    normal = normal / np.linalg.norm(normal)
    su, sv = (
        (1.0, 1.0)
        if uv_scale is None
        else (np.linalg.norm(u) / uv_scale, np.linalg.norm(v) / uv_scale)
    )
    points = np.stack([c, c + u, c + u + v, c + v])
    uv = np.array([[0, 0], [su, 0], [su, sv], [0, sv]], np.float32) + vector(*uv_offset)
    index = np.array([[0, 1, 2], [0, 2, 3]])
    return Mesh(
        points[index],
        np.broadcast_to(normal, (2, 3, 3)).astype(np.float32),
        uv[index].astype(np.float32),
        np.zeros(2, np.int32),
        [material],
    )


_BOX_FACES = (  # corner, edge u, edge v in units of the box, fronts outwards
    ((0, 0, 0), (1, 0, 0), (0, 0, 1)),
    ((1, 1, 0), (-1, 0, 0), (0, 0, 1)),
    ((0, 1, 0), (0, -1, 0), (0, 0, 1)),
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    ((0, 1, 0), (1, 0, 0), (0, -1, 0)),
)


def box(
    low: Sequence[float], high: Sequence[float], material: Material, uv_scale: float | None = 1.0
) -> Mesh:
    """An axis-aligned box between two corners in metres."""
    a = np.asarray(low, np.float32)
    size = np.asarray(high, np.float32) - a
    offset = (float(a[0] * 1.7 + a[2] * 0.9) % 1.0, float(a[1] * 1.3 + a[2] * 0.7) % 1.0)
    return merge(
        quad(
            a + np.asarray(c) * size,
            np.asarray(u) * size,
            np.asarray(v) * size,
            material,
            uv_scale,
            uv_offset=offset if uv_scale else (0.0, 0.0),
        )
        for c, u, v in _BOX_FACES
    )


def rounded_box(
    low: Sequence[float], high: Sequence[float], material: Material, radius: float, steps: int = 6
) -> Mesh:
    """A box with rounded edges and smooth normals: cushions, mattresses, upholstery."""
    a, b = np.asarray(low, np.float64), np.asarray(high, np.float64)
    centre, half = (a + b) / 2, (b - a) / 2
    radius = min(radius, float(half.min()) * 0.98)
    # Vertices crowd towards the edges, where the curvature is.
    t = np.linspace(-1, 1, steps + 1)
    t = np.sign(t) * (1 - (1 - np.abs(t)) ** 2)
    vertices, normals, uvs = [], [], []
    for axis in range(3):
        for side in (-1.0, 1.0):
            grid = np.zeros((steps + 1, steps + 1, 3))
            i, j = (axis + 1) % 3, (axis + 2) % 3
            grid[..., axis] = side
            grid[..., i], grid[..., j] = np.meshgrid(t * side, t, indexing="ij")
            p = grid * half
            inner = np.clip(p, -(half - radius), half - radius)
            n = p - inner
            n /= np.linalg.norm(n, axis=-1, keepdims=True)
            q = inner + n * radius + centre
            uv = np.stack([p[..., i], p[..., j]], -1)
            k = np.arange(steps * (steps + 1)).reshape(steps, steps + 1)[:, :-1].ravel()
            faces = np.concatenate(
                [
                    np.stack([k, k + steps + 1, k + steps + 2], -1),
                    np.stack([k, k + steps + 2, k + 1], -1),
                ]
            )
            vertices.append(q.reshape(-1, 3)[faces])
            normals.append(n.reshape(-1, 3)[faces])
            uvs.append(uv.reshape(-1, 2)[faces])
    v = np.concatenate(vertices).astype(np.float32)
    return Mesh(
        v,
        np.concatenate(normals).astype(np.float32),
        np.concatenate(uvs).astype(np.float32),
        np.zeros(len(v), np.int32),
        [material],
    )


def lathe(profile: Sequence[tuple[float, float]], material: Material, sides: int = 16) -> Mesh:
    """A surface of revolution about z from (radius, height) pairs, bottom to top, in metres."""
    p = np.asarray(profile, np.float64)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    ring = np.stack([np.cos(angle), np.sin(angle)], -1)
    points = np.concatenate(
        [
            p[:, None, :1] * ring[None],
            np.broadcast_to(p[:, None, 1:], (len(p), sides + 1, 1)),
        ],
        -1,
    )
    a, b = points[:-1, :-1], points[:-1, 1:]
    c, d = points[1:, 1:], points[1:, :-1]
    tri = np.concatenate([np.stack([a, b, c], 2), np.stack([a, c, d], 2)]).reshape(-1, 3, 3)
    slope = np.diff(p, axis=0)
    flat = np.stack([slope[:, 1], -slope[:, 0]], -1)
    flat /= np.linalg.norm(flat, axis=-1, keepdims=True) + 1e-12
    outward = np.concatenate(
        [flat[:, None, :1] * ring[None], np.zeros((len(flat), sides + 1, 1))], -1
    )
    outward[..., 2] = flat[:, None, 1]
    na, nb = outward[:, :-1], outward[:, 1:]
    normals = np.concatenate([np.stack([na, nb, nb], 2), np.stack([na, nb, na], 2)])
    v = tri.astype(np.float32)
    uv = np.stack([np.arctan2(v[..., 1], v[..., 0]) / 6.283, v[..., 2]], -1)
    return Mesh(
        v,
        normals.reshape(-1, 3, 3).astype(np.float32),
        uv.astype(np.float32),
        np.zeros(len(v), np.int32),
        [material],
    )


def cylinder(radius: float, low: float, high: float, material: Material, sides: int = 14) -> Mesh:
    """A closed upright cylinder between two heights in metres."""
    return lathe([(1e-4, low), (radius, low), (radius, high), (1e-4, high)], material, sides)


def rod(start: Sequence[float], end: Sequence[float], radius: float, material: Material) -> Mesh:
    """A cylinder between two points: legs, handles, rails."""
    a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
    length = float(np.linalg.norm(b - a))
    w = (b - a) / length
    u = np.cross(w, (1.0, 0, 0) if abs(w[0]) < 0.9 else (0, 1.0, 0))
    u /= np.linalg.norm(u)
    rotation = np.stack([u, np.cross(w, u), w], -1).astype(np.float32)
    return cylinder(radius, 0.0, length, material, 8).transformed(rotation, a.astype(np.float32))
