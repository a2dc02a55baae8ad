# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Chairs, sofas, beds and cushions made in code, each piece different.

Every function returns a `Piece` in the furniture frame (front towards -y, standing on z = 0).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.random import Generator

from training.rendering import surfaces
from training.rendering.mesh import Material, Mesh, box, cylinder, merge, rod, rounded_box
from training.rendering.piece import Piece, body, legs, piece, upholstery


def _swivel_foot(rng: Generator, seat: float, frame: Material) -> list[Mesh]:
    parts = [cylinder(0.03, 0.08, seat, surfaces.metal(rng))]
    for k in range(5):
        a = 2 * np.pi * k / 5
        end = (0.3 * np.cos(a), 0.3 * np.sin(a), 0.04)
        parts.append(rod((0, 0, 0.1), end, 0.022, frame))
        parts.append(cylinder(0.03, 0.0, 0.05, surfaces.lacquer(rng, 0)).placed(end[0], end[1]))
    return parts


def chair(rng: Generator) -> Piece:
    """A chair: on bent tubes, or with legs, seat, and a slatted, solid or barred back."""
    if rng.random() < 0.22:
        return tube_chair(rng)
    w, d = rng.uniform(0.38, 0.5), rng.uniform(0.4, 0.5)
    seat, height = rng.uniform(0.42, 0.5), rng.uniform(0.78, 1.05)
    frame = body(rng) if rng.random() < 0.7 else surfaces.metal(rng)
    cover = frame if rng.random() < 0.45 else upholstery(rng)
    t = rng.uniform(0.015, 0.025)
    parts = legs(rng, (w, d, seat), t, frame)
    if cover is frame:
        parts.append(box((-w / 2, -d / 2, seat - 0.03), (w / 2, d / 2, seat), cover))
    else:
        parts.append(
            rounded_box((-w / 2, -d / 2, seat - 0.06), (w / 2, d / 2, seat + 0.02), cover, 0.04)
        )
    lean = rng.uniform(0.0, 0.1)
    for side in (-1, 1):
        x = side * (w / 2 - t)
        parts.append(rod((x, d / 2 - t, seat - 0.03), (x, d / 2 - t + lean, height), t, frame))
    style = rng.random()
    if style < 0.4:
        n = int(rng.integers(2, 5))
        for k in range(n):
            z = seat + 0.1 + (height - seat - 0.12) * (k + 0.4) / n
            y = d / 2 - t + lean * (z - seat) / (height - seat)
            half = rng.uniform(0.02, 0.05)
            parts.append(
                box((-w / 2 + t, y - 0.01, z - half), (w / 2 - t, y + 0.01, z + half), frame)
            )
    elif style < 0.6:
        parts.append(
            box(
                (-w / 2, d / 2 - t + lean - 0.02, height - 0.07),
                (w / 2, d / 2 + lean, height),
                frame,
            )
        )
        n = int(rng.integers(3, 7))
        for k in range(n):
            x = (k + 0.5) / n * (w - 0.06) - w / 2 + 0.03
            parts.append(
                rod((x, d / 2 - t, seat), (x, d / 2 - t + lean, height - 0.04), 0.009, frame)
            )
    else:
        low = seat + rng.uniform(0.02, 0.2)
        parts.append(
            rounded_box(
                (-w / 2, d / 2 - 0.04, low), (w / 2, d / 2 + 0.02 + lean / 2, height), cover, 0.03
            )
        )
    if rng.random() < 0.25:
        for side in (-1, 1):
            x, z = side * (w / 2 + 0.02), seat + 0.2
            parts.append(box((x - 0.025, -d / 2 + 0.05, z), (x + 0.025, d / 2, z + 0.03), frame))
            parts.append(rod((x, -d / 2 + 0.08, seat - 0.02), (x, -d / 2 + 0.08, z), t, frame))
    return piece(merge(parts), "chair")


def office_chair(rng: Generator) -> Piece:
    """A swivel chair: upholstered seat and back on a column, mostly with armrests."""
    w, d = rng.uniform(0.44, 0.54), rng.uniform(0.44, 0.52)
    seat, height = rng.uniform(0.42, 0.54), rng.uniform(0.85, 1.25)
    frame = surfaces.lacquer(rng, 0.05) if rng.random() < 0.7 else surfaces.metal(rng)
    cover = upholstery(rng)
    low, lean = seat + rng.uniform(0.05, 0.2), rng.uniform(0.02, 0.1)
    back = rounded_box(
        (-w * rng.uniform(0.38, 0.5), 0, 0), (w * 0.45, 0.09, height - low), cover, 0.045
    )
    parts = [
        *_swivel_foot(rng, seat - 0.06, frame),
        rounded_box((-w / 2, -d / 2, seat - 0.08), (w / 2, d / 2, seat + 0.02), cover, 0.05),
        back.placed(0, d / 2 - 0.06 + lean, low),
        rod((0, d / 2 - 0.1, seat - 0.06), (0, d / 2 + lean, low + 0.12), 0.028, frame),
    ]
    if rng.random() < 0.7:
        z, x = seat + rng.uniform(0.16, 0.24), w / 2 + 0.03
        for side in (-x, x):
            parts.append(rod((side, 0, seat - 0.05), (side, 0.02, z), 0.018, frame))
            parts.append(
                rounded_box((side - 0.035, -0.14, z), (side + 0.035, 0.14, z + 0.035), frame, 0.017)
            )
    return piece(merge(parts), "chair")


def bar_stool(rng: Generator) -> Piece:
    """A high stool, on legs or a column, with or without a low back."""
    r, seat = rng.uniform(0.16, 0.21), rng.uniform(0.62, 0.8)
    frame = surfaces.metal(rng) if rng.random() < 0.6 else body(rng)
    cover = upholstery(rng) if rng.random() < 0.6 else body(rng)
    parts = [cylinder(r, seat - rng.uniform(0.03, 0.08), seat, cover, 20)]
    if rng.random() < 0.5:
        parts += [cylinder(0.03, 0.0, seat - 0.04, frame), cylinder(r, 0.0, 0.02, frame, 20)]
    else:
        parts += legs(rng, (1.6 * r, 1.6 * r, seat - 0.04), 0.014, frame)
        parts += [
            rod((a * r * 0.7, b * r * 0.7, 0.25), (c * r * 0.7, d * r * 0.7, 0.25), 0.01, frame)
            for a, b, c, d in ((-1, -1, 1, -1), (1, -1, 1, 1), (1, 1, -1, 1), (-1, 1, -1, -1))
        ]
    if rng.random() < 0.5:
        parts.append(box((-r, r - 0.03, seat), (r, r, seat + rng.uniform(0.1, 0.3)), cover))
    return piece(merge(parts), "chair")


def tube_chair(rng: Generator) -> Piece:
    """A cantilever, rocking or easy chair: two bent tubes that carry a sling or cushions."""
    easy = rng.random() < 0.5
    w, d = (rng.uniform(0.55, 0.68), rng.uniform(0.7, 0.85)) if easy else (0.46, 0.48)
    seat = rng.uniform(0.34, 0.42) if easy else rng.uniform(0.43, 0.48)
    height = rng.uniform(0.75, 1.05)
    lean = rng.uniform(0.15, 0.35) if easy else rng.uniform(0.02, 0.1)
    tube = surfaces.metal(rng) if rng.random() < 0.75 else surfaces.wood(rng)
    t = rng.uniform(0.011, 0.022)
    cover = upholstery(rng) if rng.random() < 0.8 else body(rng)
    rocker = 0.08 if easy and rng.random() < 0.4 else 0.0
    # Seen from the side, as (y, z): floor runner from back to front, up, seat, back.
    runner = [(y, t + rocker * (2 * y / d) ** 2) for y in np.linspace(d / 2, -d / 2, 6)]
    front = (-d / 2 - 0.02, (seat + t) / 2)
    line = [*runner, front, (-d / 2 + 0.03, seat), (d / 2 - lean, seat - 0.03 - 0.1 * lean)]
    line += [(d / 2 - lean / 2, (seat + height) / 2), (d / 2 + 0.02, height)]
    parts = []
    arms = easy or rng.random() < 0.6
    for x in (-w / 2 + t, w / 2 - t):
        spots = [(x, y, z) for y, z in line]
        parts += [rod(a, b, t, tube) for a, b in pairwise(spots)]
        if arms:
            arm = [(x, -d / 2 + 0.0, seat - 0.02), (x, -d / 2 + 0.03, seat + 0.2)]
            arm += [(x, d / 2 - lean * 0.6, seat + 0.24)]
            parts += [rod(a, b, t * 1.2, tube) for a, b in pairwise(arm)]
    thick = rng.uniform(0.02, 0.09)
    for (y0, z0), (y1, z1) in pairwise(line[-4:]):
        parts.append(_slab(w - 4 * t, (y0, z0), (y1, z1), thick, cover))
    return piece(merge(parts), "chair")


def _slab(
    width: float,
    start: tuple[float, float],
    end: tuple[float, float],
    thick: float,
    material: Material,
) -> Mesh:
    """A cushion between two places (y, z) of a chair's side, lying on the line between them."""
    dy, dz = end[0] - start[0], end[1] - start[1]
    reach = float(np.hypot(dy, dz))
    flat = rounded_box((-width / 2, 0, 0), (width / 2, reach, thick), material, thick * 0.45)
    c, s = dy / reach, dz / reach
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]], np.float32)
    return flat.transformed(turn, (0, start[0], start[1]))


def armchair(rng: Generator) -> Piece:
    """A one-seat sofa or an easy chair on tubes."""
    return tube_chair(rng) if rng.random() < 0.3 else sofa(rng, 1)


def sofa(rng: Generator, seats: int | None = None) -> Piece:
    """A sofa (or with one seat an armchair) of cushions, armrests and a back."""
    n = int(rng.integers(2, 4)) if seats is None else seats
    arm, d = rng.uniform(0.1, 0.28), rng.uniform(0.8, 1.0)
    w = n * rng.uniform(0.55, 0.8) + 2 * arm
    seat, height = rng.uniform(0.38, 0.46), rng.uniform(0.7, 0.95)
    cover = upholstery(rng)
    pillow = cover if rng.random() < 0.7 else upholstery(rng)
    low = rng.uniform(0.03, 0.15)
    r = rng.uniform(0.03, 0.09)
    arms = seat + rng.uniform(0.08, 0.25)
    parts = [
        rounded_box(
            (-w / 2 + arm / 2, -d / 2 + 0.03, low),
            (w / 2 - arm / 2, d / 2, seat - 0.12),
            cover,
            0.03,
        ),
        rounded_box(
            (-w / 2, d / 2 - 0.22, low), (w / 2, d / 2, height - rng.uniform(0, 0.15)), cover, r
        ),
        rounded_box((-w / 2, -d / 2, low), (-w / 2 + arm, d / 2, arms), cover, r),
        rounded_box((w / 2 - arm, -d / 2, low), (w / 2, d / 2, arms), cover, r),
    ]
    each = (w - 2 * arm) / n
    for k in range(n):
        x = -w / 2 + arm + k * each
        parts.append(
            rounded_box(
                (x, -d / 2, seat - 0.16), (x + each - 0.01, d / 2 - 0.2, seat + 0.02), pillow, 0.06
            )
        )
        parts.append(
            rounded_box(
                (x + 0.01, d / 2 - 0.36, seat),
                (x + each - 0.02, d / 2 - 0.16, height),
                pillow,
                0.09,
            )
        )
    parts += legs(rng, (w - 0.1, d - 0.1, low + 0.02), 0.025, body(rng))
    return piece(merge(parts), "sofa" if n > 1 else "chair")


def bed(rng: Generator) -> Piece:
    """A bed with frame, headboard, mattress, blanket and pillows; the head is at +y."""
    w, d = float(rng.choice([0.9, 1.2, 1.4, 1.6, 1.8])), rng.uniform(1.95, 2.15)
    h, head = rng.uniform(0.25, 0.4), rng.uniform(0.6, 1.2)
    frame = body(rng) if rng.random() < 0.7 else upholstery(rng)
    sheet = surfaces.fabric(rng, surfaces.neutral(rng, 0.75, 0.98))
    blanket = surfaces.fabric(rng)
    cover = d * rng.uniform(0.5, 0.8)
    parts = [
        box((-w / 2, -d / 2, 0.08), (w / 2, d / 2, h), frame),
        box((-w / 2, d / 2 - 0.05, 0), (w / 2, d / 2, head), frame),
        rounded_box(
            (-w / 2 + 0.02, -d / 2 + 0.03, h - 0.02),
            (w / 2 - 0.02, d / 2 - 0.06, h + 0.22),
            sheet,
            0.06,
        ),
        rounded_box(
            (-w / 2 - 0.01, -d / 2 + 0.01, h - rng.uniform(0.0, 0.2)),
            (w / 2 + 0.01, -d / 2 + cover, h + 0.26),
            blanket,
            0.06,
        ),
    ]
    n = 1 if w < 1.3 else 2
    for k in range(n):
        x = (k + 0.5) / n * w - w / 2
        pillow = rounded_box(
            (-0.3, -0.2, 0),
            (0.3, 0.2, rng.uniform(0.1, 0.18)),
            sheet if rng.random() < 0.6 else surfaces.fabric(rng),
            0.08,
        )
        parts.append(pillow.placed(x, d / 2 - 0.32, h + 0.2, rng.normal(0, 0.15)))
    return piece(merge(parts), "bed")


def cushion(rng: Generator) -> Piece:
    """A cushion for sofas, leaning back."""
    s = rng.uniform(0.35, 0.5)
    flat = rounded_box((-s / 2, -0.07, 0), (s / 2, 0.07, s), surfaces.fabric(rng), 0.07)
    a = rng.uniform(0.1, 0.4)
    lean = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]], np.float32)
    return piece(flat.transformed(lean, (0, 0, 0)), "pillow")
