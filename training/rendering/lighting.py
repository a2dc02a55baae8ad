# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Ceiling lamps and sunlight."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from training.rendering import surfaces
from training.rendering.mesh import Material, box, merge, quad, rod, vector
from training.rendering.nyu40 import NYU40
from training.rendering.room import Room
from training.rendering.scene import AreaLight, SceneBuilder, Sun


def add_ceiling_lamps(room: Room, builder: SceneBuilder, rng: Generator, power: float) -> None:
    """Panels or pendant lamps; `power` scales their radiance times area."""
    warm = rng.uniform(0, 0.35)
    color = np.array([1.0, 1.0 - 0.35 * warm, 1.0 - 0.9 * warm], np.float32)
    nx = max(1, round(room.width / rng.uniform(2.2, 4.5)))
    ny = max(1, round(room.depth / rng.uniform(2.2, 4.5)))
    size = float(rng.choice([0.25, 0.4, 0.6]))
    stretch = float(rng.choice([1.0, 1.0, 2.0]))
    drop = float(rng.choice([0.03, 0.05, rng.uniform(0.3, 0.7)]))
    radiance = color * power * room.width * room.depth / (nx * ny * size * size * stretch)
    glow = Material(np.ones((1, 1, 3), np.float32) * color, 0.0, float(min(radiance.max(), 12.0)))
    case = surfaces.lacquer(rng, 0.1)
    for i in range(nx):
        for j in range(ny):
            x, y = room.width * (i + 0.5) / nx, room.depth * (j + 0.5) / ny
            a, b = size / 2, size * stretch / 2
            z = room.height - drop
            parts = [
                box((-a, -b, z + 0.002), (a, b, z + 0.03), case),
                quad((-a, -b, z), (0, 2 * b, 0), (2 * a, 0, 0), glow),
            ]
            if drop > 0.2:
                parts.append(rod((0, 0, z), (0, 0, room.height), 0.008, case))
            builder.add(merge(parts).placed(x, y), NYU40["lamp"])
            builder.lights.append(
                AreaLight(
                    vector(x - a, y - b, z - 0.005),
                    vector(0, 2 * b, 0),
                    vector(2 * a, 0, 0),
                    radiance,
                )
            )


def add_sun(room: Room, builder: SceneBuilder, rng: Generator, strength: float) -> None:
    """Sunlight through one of the windows, `strength` in units of the room's light."""
    windows = [o for o in room.openings if o.kind == "window"]
    if not windows:
        return
    o = windows[int(rng.integers(len(windows)))]
    _, along, inwards = room.wall_frame(o.wall)
    flat = -inwards + along * rng.uniform(-0.9, 0.9)
    direction = np.array([*flat, rng.uniform(0.4, 1.2)])
    direction /= np.linalg.norm(direction)
    builder.sun = Sun(
        direction.astype(np.float32),
        vector(1.0, 0.93, 0.82) * np.float32(strength),
        vector(-0.125, -0.125, 0.0),
        vector(room.width + 0.125, room.depth + 0.125, room.height),
    )
