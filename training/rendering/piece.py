# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Furniture made in code: what a piece is, and the parts and materials that many pieces share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from training.rendering import surfaces
from training.rendering.mesh import Material, Mesh, box, rod
from training.rendering.nyu40 import NYU40
from training.rendering.scene import AreaLight, SceneBuilder


@dataclass(frozen=True, eq=False)
class Piece:
    """Something to place.

    Attributes:
        parts: meshes with their NYU-40 labels, standing on z = 0.
        size: width (x), depth (y) and height (z) of the bounding box, metres.
        elevation: height above the floor at which it belongs, metres.
        lights: what it lights the room with, in the frame of its meshes.
    """

    parts: list[tuple[Mesh, int]]
    size: tuple[float, float, float]
    elevation: float = 0.0
    lights: tuple[AreaLight, ...] = ()

    def add_to(
        self, builder: SceneBuilder, x: float, y: float, z: float, yaw: float
    ) -> tuple[int, ...]:
        """Put its parts and lights into a scene, turned by `yaw` radians; their instance ids."""
        builder.lights += [light.placed(x, y, z, yaw) for light in self.lights]
        return tuple(builder.add(mesh.placed(x, y, z, yaw), label) for mesh, label in self.parts)


def piece(mesh: Mesh, label: str) -> Piece:
    """A one-part piece, its size taken from the mesh centred on the origin."""
    low, high = mesh.bounds
    reach = np.maximum(np.abs(low), np.abs(high))
    return Piece([(mesh, NYU40[label])], (2 * float(reach[0]), 2 * float(reach[1]), float(high[2])))


def body(rng: Generator) -> Material:
    """What furniture bodies are made of."""
    return surfaces.wood(rng) if rng.random() < 0.55 else surfaces.lacquer(rng, 0.15)


def upholstery(rng: Generator) -> Material:
    """What seats are covered with."""
    return surfaces.fabric(rng) if rng.random() < 0.75 else surfaces.leather(rng)


def legs(
    rng: Generator, size: tuple[float, float, float], thick: float, material: Material
) -> list[Mesh]:
    """Four legs, `2 * thick` metres wide, below a body of width, depth and underside height."""
    w, d, h = size
    inset = float(rng.uniform(0.0, 0.06))
    x, y = w / 2 - inset - thick, d / 2 - inset - thick
    splay = float(rng.choice([0.0, rng.uniform(0, 0.05)]))
    corners = [(sx, sy) for sx in (-1, 1) for sy in (-1, 1)]
    if rng.random() < 0.5:
        return [
            box((a * x - thick, b * y - thick, 0), (a * x + thick, b * y + thick, h), material)
            for a, b in corners
        ]
    return [
        rod((a * (x + splay), b * (y + splay), 0), (a * x, b * y, h), thick, material)
        for a, b in corners
    ]
