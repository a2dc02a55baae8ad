# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Built-in kitchen and bathroom parts: counters, sinks, wall cabinets, tubs, shower curtains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from training.rendering import pictures, surfaces
from training.rendering.mesh import Material, Mesh, box, lathe, merge, plain, quad, rod, rounded_box
from training.rendering.nyu40 import NYU40
from training.rendering.openings import wavy_sheet
from training.rendering.piece import Piece, body
from training.rendering.storage import storage

# A rectangle seen from above: x from, x to, y from, y to, metres.
Area = tuple[float, float, float, float]


class KitchenStyle:
    """Fronts, top and backsplash that the parts of one kitchen share."""

    def __init__(self, rng: Generator) -> None:
        vivid = rng.random() < 0.35
        front = surfaces.lacquer(rng, 1.0) if vivid else body(rng)
        shiny = rng.random() < 0.35
        self.front = replace(front, gloss=float(rng.uniform(0.05, 0.2))) if shiny else front
        self.top: Material = surfaces.stone(rng) if rng.random() < 0.65 else surfaces.wood(rng)
        self.splash: Material = surfaces.tiles(rng) if rng.random() < 0.75 else surfaces.stone(rng)
        self.height = float(rng.uniform(0.86, 0.94))
        self.depth = float(rng.uniform(0.58, 0.66))


def _tap(rng: Generator, x: float, y: float, z: float) -> Mesh:
    chrome = plain((0.6, 0.6, 0.62), 0.5)
    h = rng.uniform(0.15, 0.3)
    return merge(
        [
            rod((x, y, z), (x, y, z + h), 0.013, chrome),
            rod((x, y, z + h), (x, y - 0.18, z + h * 0.9), 0.011, chrome),
        ]
    )


def _basin(area: Area, z: float, depth: float, m: Material) -> Mesh:
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
        bowl = merge([_basin((a, b, e, f), h, 0.16, steel), _tap(rng, c, f + 0.06, h)])
        parts += [(merge(slab), NYU40["counter"]), (bowl, NYU40["sink"])]
        # The cabinet body would show inside the basin, so it is cut to below it.
        parts[0] = (_cut(parts[0][0], (a, b, e, f), h - 0.2), NYU40["cabinet"])
    else:
        parts.append((box((-w / 2, y0, h - t), (w / 2, y1, h), style.top), NYU40["counter"]))
    if splash:
        tile = quad((-w / 2, d / 2 - 0.004, h), (w, 0, 0), (0, 0, 0.55), style.splash, 1.2)
        parts.append((tile, NYU40["wall"]))
    return Piece(parts, (w, d + 0.04, h))


def _cut(mesh: Mesh, area: Area, z: float) -> Mesh:
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


def bathtub(rng: Generator) -> Piece:
    """A built-in tub, long side to the wall."""
    w, d, h = rng.uniform(1.5, 1.8), rng.uniform(0.68, 0.8), rng.uniform(0.5, 0.6)
    white = plain(surfaces.linear(surfaces.neutral(rng, 0.85, 0.98)), 0.06)
    apron = white if rng.random() < 0.6 else surfaces.tiles(rng)
    r = 0.07
    parts = [
        _basin((-w / 2 + r, w / 2 - r, -d / 2 + r, d / 2 - r), h, 0.4, white),
        quad((-w / 2, -d / 2, 0), (w, 0, 0), (0, 0, h), apron, 1.2),
        quad((-w / 2, -d / 2, 0), (0, d, 0), (0, 0, h), apron, 1.2),
        quad((w / 2, -d / 2, 0), (0, d, 0), (0, 0, h), apron, 1.2),
        box((-w / 2, -d / 2, h - 0.03), (w / 2, -d / 2 + r, h), white),
        box((-w / 2, d / 2 - r, h - 0.03), (w / 2, d / 2, h), white),
        box((-w / 2, -d / 2, h - 0.03), (-w / 2 + r, d / 2, h), white),
        box((w / 2 - r, -d / 2, h - 0.03), (w / 2, d / 2, h), white),
        _tap(rng, -w / 2 + 0.2, d / 2 - 0.03, h),
    ]
    return Piece([(merge(parts), NYU40["bathtub"])], (w, d, h))


def toilet(rng: Generator) -> Piece:
    """A toilet, with a cistern or hung on the wall; the seat's lid is open or closed."""
    white = plain(surfaces.linear(surfaces.neutral(rng, 0.85, 0.98)), 0.06)
    w, d, seat = rng.uniform(0.35, 0.4), rng.uniform(0.5, 0.56), rng.uniform(0.39, 0.45)
    hung = rng.random() < 0.4
    back = 0.0 if hung else rng.uniform(0.15, 0.2)
    long = (d - back) / w
    foot, low = (0.3, 0.12) if hung else (rng.uniform(0.5, 0.7), 0.0)
    bowl = lathe(
        [
            (1e-4, low),
            (w / 2 * foot, low),
            (w / 2 * 0.85, seat - 0.15),
            (w / 2, seat - 0.03),
            (w / 2, seat),
            (w / 2 - 0.06, seat),
            (w / 2 - 0.1, seat - 0.12),
            (1e-4, seat - 0.16),
        ],
        white,
        24,
    )
    stretch = np.diag([1.0, long, 1.0]).astype(np.float32)
    middle = (-d / 2 + (d - back) / 2, 0.0)
    lid_material = white if rng.random() < 0.8 else surfaces.wood(rng)
    lid = lathe([(1e-4, seat), (w / 2, seat), (w / 2 - 0.01, seat + 0.03)], lid_material, 24)
    top = lathe([(w / 2 - 0.01, seat + 0.03), (1e-4, seat + 0.035)], lid_material, 24)
    parts = [bowl.transformed(stretch, (0, middle[0], 0))]
    end = d / 2 - back
    if rng.random() < 0.5:
        parts += [m.transformed(stretch, (0, middle[0], 0)) for m in (lid, top)]
    else:
        upright = (seat, seat + rng.uniform(0.38, 0.44))
        parts.append(
            rounded_box(
                (-w / 2, end - 0.04, upright[0]), (w / 2, end, upright[1]), lid_material, 0.02
            )
        )
    if not hung:
        high = rng.uniform(0.75, 0.85)
        parts.append(rounded_box((-w / 2, end, seat - 0.05), (w / 2, d / 2, high), white, 0.03))
        parts.append(box((-w / 4, end + 0.02, 0.0), (w / 4, d / 2, seat), white))
    return Piece([(merge(parts), NYU40["toilet"])], (w, d, seat + 0.42))


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


def shower_curtain(rng: Generator, w: float) -> Piece:
    """A curtain `w` metres wide on a rail, hanging from 2 m to just above the floor."""
    open_share = rng.uniform(0.35, 0.95)
    cloth = surfaces.fabric(rng)
    sheet = wavy_sheet(w * open_share, 1.85, cloth, rng, 0.16)
    rail = rod((-w / 2, 0, 2.0), (w / 2, 0, 2.0), 0.012, plain((0.5, 0.5, 0.5), 0.3))
    side = -w / 2 if rng.random() < 0.5 else w / 2 - w * open_share
    return Piece(
        [(sheet.placed(side, 0, 0.14), NYU40["showercurtain"]), (rail, NYU40["otherprop"])],
        (w, 0.1, 2.0),
    )


def washstand(rng: Generator) -> Piece:
    """A wash basin on a cabinet, with tap."""
    w, d, h = rng.uniform(0.5, 1.1), rng.uniform(0.42, 0.52), rng.uniform(0.8, 0.9)
    white = plain(surfaces.linear(surfaces.neutral(rng, 0.85, 0.98)), 0.06)
    lower = storage(rng, w, d - 0.03, h - 0.1, "doors")
    rim = 0.05
    parts = [
        _basin((-w / 2 + rim, w / 2 - rim, -d / 2 + rim, d / 2 - 0.1), h, 0.12, white),
        box((-w / 2, -d / 2, h - 0.1), (w / 2, -d / 2 + rim, h), white),
        box((-w / 2, d / 2 - 0.1, h - 0.1), (w / 2, d / 2, h), white),
        box((-w / 2, -d / 2, h - 0.1), (-w / 2 + rim, d / 2, h), white),
        box((w / 2 - rim, -d / 2, h - 0.1), (w / 2, d / 2, h), white),
        _tap(rng, 0, d / 2 - 0.06, h),
    ]
    lower = _cut(lower, (-w / 2, w / 2, -d / 2, d / 2), h - 0.2)
    return Piece([(lower, NYU40["cabinet"]), (merge(parts), NYU40["sink"])], (w, d, h))


def mirror(rng: Generator, w: float) -> Piece:
    """A wall mirror; z = 0 is its lower edge."""
    h = rng.uniform(0.5, 0.9)
    glass = quad((-w / 2, -0.012, 0), (w, 0, 0), (0, 0, h), plain((0.85, 0.87, 0.87), 0.9))
    back = box((-w / 2 - 0.01, -0.01, -0.01), (w / 2 + 0.01, 0, h + 0.01), body(rng))
    return Piece([(glass, NYU40["mirror"]), (back, NYU40["mirror"])], (w, 0.03, h))


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
