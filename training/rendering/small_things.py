# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Small things made in code: books, boxes, papers, vessels, cloths, pictures."""

from __future__ import annotations

from numpy.random import Generator

from training.rendering import pictures, surfaces
from training.rendering.mesh import box, lathe, merge, quad, rounded_box
from training.rendering.piece import Piece, body, piece


def clutter(rng: Generator) -> Piece:
    """A small thing for tables and floors: book stack, box, paper, mug, bottle, folded cloth."""
    kind = rng.random()
    if kind < 0.3:
        parts, z = [], 0.0
        w, d = rng.uniform(0.13, 0.24), rng.uniform(0.18, 0.32)
        for _ in range(int(rng.integers(1, 5))):
            t = rng.uniform(0.006, 0.045)
            cover = surfaces.lacquer(rng, 0.5)
            block = box((-w / 2, -d / 2, 0), (w / 2, d / 2, t), cover)
            face = quad((-w / 2, -d / 2, t + 4e-4), (w, 0, 0), (0, d, 0), pictures.picture(rng))
            parts.append(merge([block, face]).placed(0, 0, z, rng.normal(0, 0.2)))
            z += t + 6e-4
        return piece(merge(parts), "books")
    if kind < 0.45:
        w, d, h = rng.uniform(0.06, 0.35), rng.uniform(0.06, 0.3), rng.uniform(0.04, 0.3)
        side = surfaces.lacquer(rng, 0.45) if rng.random() < 0.7 else surfaces.wood(rng)
        parts = [box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), side)]
        parts.append(quad((-w / 2, -d / 2 - 4e-4, 0), (w, 0, 0), (0, 0, h), pictures.picture(rng)))
        return piece(merge(parts), "box")
    if kind < 0.6:
        w = float(rng.choice([0.15, 0.21, 0.3]))
        sheets = [
            quad(
                (-w / 2, -w * 0.7, 0.001), (w, 0, 0), (0, w * 1.4, 0), pictures.picture(rng)
            ).placed(rng.normal(0, 0.04), rng.normal(0, 0.04), 0.001 * k, rng.normal(0, 0.5))
            for k in range(int(rng.integers(1, 4)))
        ]
        return piece(merge(sheets), "paper")
    if kind < 0.85:
        r, h = rng.uniform(0.025, 0.06), rng.uniform(0.07, 0.3)
        neck = rng.uniform(0.3, 1.0) * r
        profile = [(1e-4, 0.0), (r * rng.uniform(0.6, 1), 0.0), (r, h * rng.uniform(0.2, 0.6))]
        profile += [(neck, h * rng.uniform(0.65, 0.85)), (neck, h), (1e-4, h - 0.01)]
        return piece(lathe(profile, surfaces.lacquer(rng, 0.5), 14), "otherprop")
    w, d, h = rng.uniform(0.15, 0.4), rng.uniform(0.15, 0.35), rng.uniform(0.04, 0.15)
    return piece(
        rounded_box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), surfaces.fabric(rng), 0.05), "clothes"
    )


def note(rng: Generator) -> Piece:
    """A sheet, leaflet or calendar pinned to a wall; its back is at y = 0, its foot at z = 0."""
    w = float(rng.uniform(0.09, 0.3))
    h = w * float(rng.uniform(0.7, 1.5))
    sheet = quad((-w / 2, -0.004, 0), (w, 0, 0), (0, 0, h), pictures.picture(rng))
    return piece(sheet.placed(0, 0, 0, float(rng.normal(0, 0.01))), "paper")


def framed_picture(rng: Generator) -> Piece:
    """A picture, poster or sheet to hang on a wall; its back is at y = 0, its foot at z = 0."""
    w, h = rng.uniform(0.2, 1.1), rng.uniform(0.2, 0.9)
    art = pictures.picture(rng)
    if rng.random() < 0.3:
        return piece(quad((-w / 2, -0.004, 0), (w, 0, 0), (0, 0, h), art), "picture")
    f = rng.uniform(0.01, 0.05)
    frame = body(rng)
    parts = [
        box((-w / 2, -0.02, 0), (w / 2, 0, h), frame),
        quad((-w / 2 + f, -0.0205, f), (w - 2 * f, 0, 0), (0, 0, h - 2 * f), art),
    ]
    return piece(merge(parts), "picture")
