# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Built-in kitchens: counters, sinks, wall cabinets, refrigerators and stoves."""

from __future__ import annotations

from dataclasses import replace

from numpy.random import Generator

from training.rendering import pictures, surfaces
from training.rendering.basins import basin, cut, tap
from training.rendering.mesh import Material, box, merge, plain, quad, rod, rounded_box
from training.rendering.nyu40 import NYU40
from training.rendering.piece import Piece, body
from training.rendering.storage import storage


class KitchenStyle:
    """Fronts, top and backsplash that the parts of one kitchen share."""

    def __init__(self, rng: Generator) -> None:
        vivid = rng.random() < 0.4
        front = surfaces.lacquer(rng, 1.0) if vivid else body(rng)
        shiny = rng.random() < 0.55
        self.front = replace(front, gloss=float(rng.uniform(0.05, 0.2))) if shiny else front
        self.top: Material = surfaces.stone(rng) if rng.random() < 0.65 else surfaces.wood(rng)
        self.splash: Material = surfaces.tiles(rng) if rng.random() < 0.75 else surfaces.stone(rng)
        self.height = float(rng.uniform(0.86, 0.94))
        self.depth = float(rng.uniform(0.58, 0.66))


def counter(
    rng: Generator, style: KitchenStyle, w: float, sink: bool, splash: bool = True
) -> Piece:
    """Base cabinets below a worktop, with a sink let into it, and the tiled wall behind."""
    d, h, t = style.depth, style.height, 0.035
    parts = [
        (
            storage(
                rng, w, d - 0.02, h - t, str(rng.choice(["doors", "drawers"])), material=style.front
            ),
            NYU40["cabinet"],
        )
    ]
    y0, y1 = -d / 2 - 0.02, d / 2
    if sink and w > 0.8:
        c = rng.uniform(-w / 2 + 0.4, w / 2 - 0.4)
        half = min(0.3, float(rng.uniform(0.2, 0.35)))
        a, b, e, f = c - half, c + half, -d / 2 + 0.08, d / 2 - 0.14
        slab = [
            box((-w / 2, y0, h - t), (a, y1, h), style.top),
            box((b, y0, h - t), (w / 2, y1, h), style.top),
            box((a, y0, h - t), (b, e, h), style.top),
            box((a, f, h - t), (b, y1, h), style.top),
        ]
        steel = plain((0.5, 0.5, 0.52), 0.35) if rng.random() < 0.75 else surfaces.lacquer(rng, 0)
        bowl = merge([basin((a, b, e, f), h, 0.16, steel), tap(rng, c, f + 0.06, h)])
        parts += [(merge(slab), NYU40["counter"]), (bowl, NYU40["sink"])]
        # The cabinet body would show inside the basin, so it is cut to below it.
        parts[0] = (cut(parts[0][0], (a, b, e, f), h - 0.2), NYU40["cabinet"])
    else:
        parts.append((box((-w / 2, y0, h - t), (w / 2, y1, h), style.top), NYU40["counter"]))
    if splash:
        tile = quad((-w / 2, d / 2 - 0.004, h), (w, 0, 0), (0, 0, 0.55), style.splash, 1.2)
        parts.append((tile, NYU40["wall"]))
    return Piece(parts, (w, d + 0.04, h))


def wall_cabinets(rng: Generator, style: KitchenStyle, w: float) -> Piece:
    """Cabinets that hang above a counter; z = 0 is their underside."""
    d, h = rng.uniform(0.3, 0.38), rng.uniform(0.5, 0.85)
    front = style.front if rng.random() < 0.8 else body(rng)
    mesh = storage(rng, w, d, h, "doors", material=front)
    return Piece([(mesh, NYU40["cabinet"])], (w, d, h))


def fridge(rng: Generator) -> Piece:
    """A one- or two-door refrigerator."""
    w, d, h = rng.uniform(0.55, 0.9), rng.uniform(0.58, 0.75), rng.uniform(1.0, 1.95)
    color = plain((0.8, 0.8, 0.8), 0.04) if rng.random() < 0.5 else plain((0.45, 0.45, 0.46), 0.2)
    if rng.random() < 0.15:
        color = surfaces.lacquer(rng, 0.8)
    split = h * float(rng.choice([0.3, 0.4, 0.65, 0.7]))
    parts = [box((-w / 2, -d / 2 + 0.06, 0.03), (w / 2, d / 2, h), color)]
    for a, b in ((0.04, split - 0.006), (split + 0.006, h)):
        parts.append(rounded_box((-w / 2, -d / 2, a), (w / 2, -d / 2 + 0.055, b), color, 0.015))
        x = w / 2 - 0.06
        middle = (a + b) / 2
        parts.append(
            rod(
                (x, -d / 2 - 0.035, middle - 0.15),
                (x, -d / 2 - 0.035, middle + 0.15),
                0.012,
                surfaces.metal(rng),
            )
        )
    for _ in range(int(rng.integers(0, 5))):
        s, x, z = (
            rng.uniform(0.06, 0.2),
            rng.uniform(-w / 2 + 0.05, w / 2 - 0.25),
            rng.uniform(0.5, h - 0.25) if h > 0.8 else 0.5,
        )
        parts.append(
            quad((x, -d / 2 - 0.002, z), (s, 0, 0), (0, 0, s * 1.3), pictures.picture(rng))
        )
    return Piece([(merge(parts), NYU40["refrigerator"])], (w, d + 0.04, h))


def stove(rng: Generator, style: KitchenStyle) -> Piece:
    """A cooker with an oven door and hobs."""
    w, d, h = 0.6, style.depth, style.height
    body_material = (
        plain((0.7, 0.7, 0.7), 0.08) if rng.random() < 0.5 else plain((0.05, 0.05, 0.05), 0.08)
    )
    dark = plain((0.01, 0.01, 0.012), 0.08)
    parts = [
        box((-w / 2, -d / 2 + 0.02, 0.05), (w / 2, d / 2, h), body_material),
        box((-w / 2 + 0.06, -d / 2 + 0.005, 0.25), (w / 2 - 0.06, -d / 2 + 0.03, h - 0.22), dark),
        rod(
            (-w / 2 + 0.06, -d / 2 - 0.03, h - 0.18),
            (w / 2 - 0.06, -d / 2 - 0.03, h - 0.18),
            0.01,
            surfaces.metal(rng),
        ),
        box((-w / 2, -d / 2 + 0.02, h), (w / 2, d / 2, h + 0.006), dark),
    ]
    for k in range(5):
        x = (k - 2) * 0.1
        parts.append(
            rod(
                (x, -d / 2 + 0.02, h - 0.07),
                (x, -d / 2 - 0.015, h - 0.07),
                0.018,
                surfaces.metal(rng),
            )
        )
    return Piece([(merge(parts), NYU40["otherfurniture"])], (w, d + 0.06, h))
