# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Flat things that show something: whiteboards and screens."""

from __future__ import annotations

from dataclasses import replace

from numpy.random import Generator

from training.rendering import pictures, surfaces
from training.rendering.mesh import box, merge, plain, quad
from training.rendering.nyu40 import NYU40
from training.rendering.piece import Piece


def television(rng: Generator) -> Piece:
    """A flat screen on a foot, dark or showing a picture."""
    w = rng.uniform(0.7, 1.4)
    h, d = w * 0.57, 0.22
    case = plain((0.01, 0.01, 0.011), 0.06)
    screen = pictures.picture(rng) if rng.random() < 0.3 else plain((0.008, 0.008, 0.01), 0.12)
    if rng.random() < 0.5:
        screen = replace(screen, emission=0.6 if screen.texture.size > 3 else 0.0)
    parts = [
        box((-w / 2, -0.03, 0.08), (w / 2, 0.03, 0.08 + h), case),
        quad((-w / 2 + 0.015, -0.031, 0.095), (w - 0.03, 0, 0), (0, 0, h - 0.03), screen),
        box((-0.2, -d / 2, 0.0), (0.2, d / 2, 0.015), case),
        box((-0.04, -0.02, 0.0), (0.04, 0.02, 0.1), case),
    ]
    return Piece([(merge(parts), NYU40["television"])], (w, d, 0.08 + h))


def whiteboard(rng: Generator) -> Piece:
    """A whiteboard or pin board; z = 0 is its lower edge."""
    w, h = rng.uniform(1.2, 2.6), rng.uniform(0.9, 1.3)
    face = plain((0.82, 0.82, 0.82), 0.05)
    parts = [
        box((-w / 2, -0.02, 0), (w / 2, 0, h), surfaces.metal(rng)),
        quad((-w / 2 + 0.02, -0.021, 0.02), (w - 0.04, 0, 0), (0, 0, h - 0.04), face),
    ]
    for _ in range(int(rng.integers(0, 6))):
        s, x, z = (
            rng.uniform(0.1, 0.3),
            rng.uniform(-w / 2 + 0.05, w / 2 - 0.4),
            rng.uniform(0.05, h - 0.45),
        )
        parts.append(quad((x, -0.022, z), (s, 0, 0), (0, 0, s * 1.3), pictures.picture(rng)))
    return Piece([(merge(parts), NYU40["whiteboard"])], (w, 0.03, h))
