# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The assembled room: one triangle list for ray casting, with class, instance and material."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from training.rendering.mesh import Array, Material, Mesh, rotation_z, vector
from training.rendering.texture_atlas import TextureAtlas

THREADS = 1


@dataclass(frozen=True, eq=False)
class AreaLight:
    """A rectangle that lights the room.

    Attributes:
        corner: float32 [3], metres.
        edge_u: float32 [3]; edge_v likewise; the lit side is edge_u x edge_v.
        radiance: float32 [3] linear RGB.
    """

    corner: Array
    edge_u: Array
    edge_v: Array
    radiance: Array

    def placed(self, x: float, y: float, z: float, yaw: float) -> AreaLight:
        """The light turned by `yaw` radians about z, then moved to (x, y, z) in metres."""
        turn = rotation_z(yaw).T
        return AreaLight(
            self.corner @ turn + vector(x, y, z),
            self.edge_u @ turn,
            self.edge_v @ turn,
            self.radiance,
        )


@dataclass(frozen=True, eq=False)
class Sun:
    """Parallel light through the windows.

    Attributes:
        direction: float32 [3], unit, towards the sun.
        irradiance: float32 [3], of a surface that faces it.
        low, high: float32 [3], the box beyond which nothing casts shadows: the room and its
            window frames, but not the panes, which carry the picture of the view.
    """

    direction: Array
    irradiance: Array
    low: Array
    high: Array


@dataclass(eq=False)
class SceneBuilder:
    """Collects labelled meshes; instance ids count from 1 in the order of `add`."""

    meshes: list[Mesh] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    instances: list[int] = field(default_factory=list)
    lights: list[AreaLight] = field(default_factory=list)
    sun: Sun | None = None
    environment: Array = field(default_factory=lambda: np.ones((2, 2, 3), np.float32))
    _next: int = 1

    def new_instance(self) -> int:
        """A fresh instance id."""
        self._next += 1
        return self._next - 1

    def add(self, mesh: Mesh, label: int, instance: int | None = None) -> int:
        """Add a mesh of one NYU-40 label; parts of one object share an instance id."""
        number = self.new_instance() if instance is None else instance
        self.meshes.append(mesh)
        self.labels.append(label)
        self.instances.append(number)
        return number

    def build(self) -> Scene:
        """Everything added so far as a scene."""
        return Scene(self)


@dataclass(frozen=True, eq=False)
class Hits:
    """What rays met, or the surfaces nearest to points. All arrays have one row per ray or point.

    `distance` is inf and `triangle` -1 where nothing was met.
    """

    distance: Array
    triangle: NDArray[np.int64]
    barycentric: Array


class Scene:
    """Triangles, their attributes and a ray caster; fixed once built."""

    def __init__(self, builder: SceneBuilder) -> None:
        meshes = builder.meshes
        counts = [len(m.vertices) for m in meshes]
        self.vertices: Array = np.concatenate([m.vertices for m in meshes])
        self.normals: Array = np.concatenate([m.normals for m in meshes])
        self.uv: Array = np.concatenate([m.uv for m in meshes])
        self.label = np.repeat(np.array(builder.labels, np.uint8), counts)
        self.instance = np.repeat(np.array(builder.instances, np.uint16), counts)
        materials: list[Material] = []
        known: dict[int, int] = {}
        index = []
        for mesh in meshes:
            table = np.zeros(max(len(mesh.materials), 1), np.int32)
            for k, material in enumerate(mesh.materials):
                if id(material) not in known:
                    known[id(material)] = len(materials)
                    materials.append(material)
                table[k] = known[id(material)]
            index.append(table[mesh.material])
        self.material: NDArray[np.int32] = np.concatenate(index)
        self.gloss = np.array([m.gloss for m in materials], np.float32)
        self.emission = np.array([m.emission for m in materials], np.float32)
        self.atlas = TextureAtlas(materials, self.material, self.vertices, self.uv)
        self.lights = list(builder.lights)
        self.sun = builder.sun
        self.environment = builder.environment
        cross = np.cross(
            self.vertices[:, 1] - self.vertices[:, 0], self.vertices[:, 2] - self.vertices[:, 0]
        )
        self.face_normals: Array = (
            cross / np.maximum(np.linalg.norm(cross, axis=-1, keepdims=True), 1e-12)
        ).astype(np.float32)
        self._caster = o3d.t.geometry.RaycastingScene(nthreads=THREADS)
        flat = np.ascontiguousarray(self.vertices.reshape(-1, 3))
        faces = np.arange(len(flat), dtype=np.uint32).reshape(-1, 3)
        self._caster.add_triangles(
            o3d.core.Tensor.from_numpy(flat), o3d.core.Tensor.from_numpy(faces)
        )

    def cast(self, origins: Array, directions: Array) -> Hits:
        """First hits of rays [n, 3] + [n, 3]; distances are in units of the direction's length."""
        rays = np.concatenate([origins, directions], -1).astype(np.float32)
        answer = self._caster.cast_rays(o3d.core.Tensor.from_numpy(rays), nthreads=THREADS)
        triangle = answer["primitive_ids"].numpy().astype(np.int64)
        distance = answer["t_hit"].numpy()
        triangle[~np.isfinite(distance)] = -1
        return Hits(distance, triangle, answer["primitive_uvs"].numpy())

    def blocked(self, origins: Array, directions: Array, far: Array) -> NDArray[np.bool_]:
        """Whether anything lies between each origin and `far` lengths of its direction."""
        rays = np.concatenate([origins, directions * far[:, None]], -1).astype(np.float32)
        return self._caster.test_occlusions(
            o3d.core.Tensor.from_numpy(rays), tnear=0.0, tfar=1.0, nthreads=THREADS
        ).numpy()

    def nearest(self, points: Array) -> Hits:
        """The surface nearest to each point [n, 3]; distances in metres."""
        wanted = points.astype(np.float32)
        answer = self._caster.compute_closest_points(
            o3d.core.Tensor.from_numpy(wanted), nthreads=THREADS
        )
        distance = np.linalg.norm(answer["points"].numpy() - wanted, axis=-1)
        triangle = answer["primitive_ids"].numpy().astype(np.int64)
        return Hits(distance, triangle, answer["primitive_uvs"].numpy())

    def nearest_triangle(self, points: Array) -> NDArray[np.int64]:
        """Number of the triangle nearest to each point [n, 3]."""
        return self.nearest(points).triangle

    def interpolate(self, attribute: Array, hits: Hits, rows: NDArray[np.int64]) -> Array:
        """A per-corner attribute [t, 3, k] at the hits of `rows`, [len(rows), k]."""
        corners = attribute[hits.triangle[rows]]
        b = hits.barycentric[rows]
        return (
            corners[:, 0] * (1 - b[:, :1] - b[:, 1:])
            + corners[:, 1] * b[:, :1]
            + corners[:, 2] * b[:, 1:]
        )
