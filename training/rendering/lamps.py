# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Table and floor lamps made in code, lit or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from training.rendering import surfaces
from training.rendering.mesh import Material, cylinder, lathe, merge, vector
from training.rendering.piece import Piece, body, piece
from training.rendering.scene import AreaLight

LIT_SHARE = 0.5


def table_lamp(rng: Generator) -> Piece:
    """A lamp of 0.3 to 0.6 m for tables and nightstands."""
    return _shaded(rng, float(rng.uniform(0.3, 0.6)), float(rng.uniform(0.08, 0.17)))


def floor_lamp(rng: Generator) -> Piece:
    """A standing lamp of 1.3 to 1.75 m."""
    return _shaded(rng, float(rng.uniform(1.3, 1.75)), float(rng.uniform(0.14, 0.26)))


def _shaded(rng: Generator, height: float, radius: float) -> Piece:
    """A foot, a stem and an open shade; when lit the shade glows and light leaves both its ends."""
    tall = radius * float(rng.uniform(1.0, 1.7))
    low, top = height - tall, height
    narrow = radius * float(rng.uniform(0.5, 1.0))
    stem = surfaces.metal(rng) if rng.random() < 0.5 else body(rng)
    warm = float(rng.uniform(0.0, 0.5))
    glow = vector(1.0, 1.0 - 0.3 * warm, 1.0 - 0.75 * warm)
    lit = rng.random() < LIT_SHARE
    cloth = surfaces.fabric(rng, surfaces.neutral(rng, 0.6, 0.98))
    shade = Material(cloth.texture * glow, 0.0, float(rng.uniform(1.5, 5.0)) if lit else 0.0)
    foot = float(rng.uniform(0.5, 0.8)) * radius
    if height < 1.0 and rng.random() < 0.5:  # a belly instead of a stem
        belly = [
            (1e-4, 0.0),
            (foot * 0.7, 0.0),
            (foot, low * 0.4),
            (0.02, low),
            (0.012, top - 0.02),
        ]
        parts = [lathe(belly, surfaces.lacquer(rng, 0.4), 16)]
    else:
        parts = [cylinder(foot, 0.0, 0.02, stem), cylinder(0.011, 0.0, top - 0.02, stem)]
    parts.append(lathe([(radius, low), (narrow, top)], shade, 20))
    lamp = piece(merge(parts), "lamp")
    if not lit:
        return lamp
    side = 0.7 * narrow
    power = float(np.exp(rng.normal(0.1, 0.5)))
    radiance = glow * np.float32(power / (4 * side * side))
    # Just outside the shade's rims, so that the shade itself hides neither from the room.
    down = AreaLight(
        vector(-side, -side, low - 0.01), vector(0, 2 * side, 0), vector(2 * side, 0, 0), radiance
    )
    up = AreaLight(
        vector(-side, -side, top + 0.01), vector(2 * side, 0, 0), vector(0, 2 * side, 0), radiance
    )
    return replace(lamp, lights=(down, up))
