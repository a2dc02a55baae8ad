# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Furniture made in code, each piece different: seats, tables, storage, beds, clutter.

Every function returns a `Piece` in the furniture frame (front towards -y, standing on z = 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from training.rendering import surfaces
from training.rendering.mesh import (
    Material,
    Mesh,
    box,
    cylinder,
    lathe,
    merge,
    quad,
    rod,
    rounded_box,
)
from training.rendering.nyu40 import NYU40


@dataclass(frozen=True, eq=False)
class Piece:
    """Something to place.

    Attributes:
        parts: meshes with their NYU-40 labels, standing on z = 0.
        size: width (x), depth (y) and height (z) of the bounding box, metres.
        elevation: height above the floor at which it belongs, metres.
    """

    parts: list[tuple[Mesh, int]]
    size: tuple[float, float, float]
    elevation: float = 0.0


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


def _legs(
    w: float, d: float, h: float, thick: float, material: Material, rng: Generator
) -> list[Mesh]:
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


def chair(rng: Generator) -> Piece:
    """A chair with legs or a swivel foot, seat, and a slatted, solid or barred back."""
    w, d = rng.uniform(0.38, 0.5), rng.uniform(0.4, 0.5)
    seat, height = rng.uniform(0.42, 0.5), rng.uniform(0.78, 1.05)
    frame = body(rng) if rng.random() < 0.7 else surfaces.metal(rng)
    cover = frame if rng.random() < 0.45 else upholstery(rng)
    t = rng.uniform(0.015, 0.025)
    parts: list[Mesh] = []
    if rng.random() < 0.2:
        parts.append(cylinder(0.03, 0.08, seat, surfaces.metal(rng)))
        for k in range(5):
            a = 2 * np.pi * k / 5
            end = (0.3 * np.cos(a), 0.3 * np.sin(a), 0.04)
            parts.append(rod((0, 0, 0.1), end, 0.022, frame))
            parts.append(cylinder(0.03, 0.0, 0.05, surfaces.lacquer(rng, 0)).placed(end[0], end[1]))
    else:
        parts += _legs(w, d, seat, t, frame, rng)
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
    parts += _legs(w - 0.1, d - 0.1, low + 0.02, 0.025, body(rng), rng)
    return piece(merge(parts), "sofa" if n > 1 else "chair")


def table(rng: Generator, label: str = "table", height: float | None = None) -> Piece:
    """A table or desk: rectangular or round top on legs, panels or a pedestal."""
    h = float(rng.uniform(0.7, 0.78)) if height is None else height
    low = h < 0.6
    w = rng.uniform(0.7, 1.3) if low else rng.uniform(0.9, 2.0)
    d = rng.uniform(0.45, 0.75) if low else rng.uniform(0.6, 0.95)
    top = surfaces.wood(rng) if rng.random() < 0.65 else surfaces.lacquer(rng, 0.1)
    base = (
        top if rng.random() < 0.45 else (surfaces.metal(rng) if rng.random() < 0.5 else body(rng))
    )
    t = rng.uniform(0.018, 0.05)
    style = rng.random()
    if style < 0.15 and label == "table":
        w = d = rng.uniform(0.6, 1.2)
        parts = [
            lathe([(1e-4, h - t), (w / 2, h - t), (w / 2, h), (1e-4, h)], top, 32),
            cylinder(0.04, 0.02, h - t, base),
            cylinder(w * 0.28, 0.0, 0.03, base, 24),
        ]
    else:
        parts = [box((-w / 2, -d / 2, h - t), (w / 2, d / 2, h), top)]
        if style < 0.7:
            parts += _legs(w, d, h - t, rng.uniform(0.018, 0.04), base, rng)
            if rng.random() < 0.5:
                parts.append(
                    box(
                        (-w / 2 + 0.05, -d / 2 + 0.05, h - t - 0.08),
                        (w / 2 - 0.05, d / 2 - 0.05, h - t),
                        base,
                    )
                )
        else:
            for side in (-1, 1):
                x = side * (w / 2 - 0.03)
                parts.append(
                    box((x - 0.015, -d / 2 + 0.03, 0), (x + 0.015, d / 2 - 0.03, h - t), base)
                )
            parts.append(
                box(
                    (-w / 2 + 0.04, d / 2 - 0.08, h * 0.4),
                    (w / 2 - 0.04, d / 2 - 0.06, h - t),
                    base,
                )
            )
    if label == "desk" and rng.random() < 0.5:
        x = w / 2 - 0.42
        drawers = storage(rng, 0.38, d - 0.08, h - t, "drawers", top)
        parts.append(drawers.placed(x + 0.19, 0))
    return piece(merge(parts), label)


def storage(
    rng: Generator, w: float, d: float, h: float, style: str, material: Material | None = None
) -> Mesh:
    """A cabinet body with door or drawer fronts and handles."""
    carcass = body(rng) if material is None else material
    front = carcass if rng.random() < 0.6 else body(rng)
    handle = surfaces.metal(rng) if rng.random() < 0.7 else front
    plinth = float(rng.choice([0.0, 0.08])) if h > 0.5 else 0.0
    parts = [
        box((-w / 2, -d / 2 + 0.02, plinth), (w / 2, d / 2, h), carcass),
    ]
    if plinth:
        parts.append(box((-w / 2, -d / 2 + 0.07, 0), (w / 2, d / 2, plinth), carcass))
    columns = max(1, round(w / rng.uniform(0.4, 0.6)))
    rows = (
        max(1, round(h / rng.uniform(0.16, 0.3)))
        if style == "drawers"
        else (2 if h > 1.9 and rng.random() < 0.4 else 1)
    )
    gap = 0.003
    bar = rng.random() < 0.6
    for i in range(columns):
        for j in range(rows):
            a, b = -w / 2 + w * i / columns + gap, -w / 2 + w * (i + 1) / columns - gap
            c, e = (
                plinth + (h - plinth) * j / rows + gap,
                plinth + (h - plinth) * (j + 1) / rows - gap,
            )
            y = -d / 2
            parts.append(box((a, y, c), (b, y + 0.019, e), front))
            if style == "drawers":
                start, end = ((a + b) / 2 - 0.07, e - 0.05), ((a + b) / 2 + 0.07, e - 0.05)
            else:
                x = b - 0.05 if i % 2 == 0 else a + 0.05
                z = (c + e) / 2 if h > 1.2 else e - 0.12
                start, end = (x, z - 0.08), (x, z + 0.08)
            if bar:
                parts.append(
                    rod((start[0], y - 0.025, start[1]), (end[0], y - 0.025, end[1]), 0.007, handle)
                )
            else:
                x, z = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
                parts.append(
                    box((x - 0.015, y - 0.025, z - 0.015), (x + 0.015, y, z + 0.015), handle)
                )
    return merge(parts)


def cabinet(rng: Generator, kind: str = "any") -> Piece:
    """A sideboard, chest of drawers, filing cabinet or wardrobe."""
    if kind == "any":
        kind = str(rng.choice(["sideboard", "chest", "file", "wardrobe"]))
    w, d, h = {
        "sideboard": (rng.uniform(1.0, 2.0), rng.uniform(0.38, 0.5), rng.uniform(0.45, 0.95)),
        "chest": (rng.uniform(0.6, 1.2), rng.uniform(0.4, 0.5), rng.uniform(0.7, 1.2)),
        "file": (rng.uniform(0.4, 0.9), rng.uniform(0.45, 0.6), rng.uniform(0.6, 1.4)),
        "wardrobe": (rng.uniform(0.9, 2.4), rng.uniform(0.5, 0.65), rng.uniform(1.8, 2.25)),
    }[kind]
    style = "drawers" if kind in ("chest", "file") or rng.random() < 0.2 else "doors"
    if kind == "wardrobe":
        style = "doors"
    return piece(storage(rng, w, d, h, style), "cabinet")


def _book_row(rng: Generator, start: float, end: float, height: float, depth: float) -> list[Mesh]:
    parts, x = [], start
    while x < end - 0.03:
        t = rng.uniform(0.012, 0.055)
        if rng.random() < 0.07:
            x += rng.uniform(0.03, 0.25)
            continue
        if x + t > end:
            break
        h = height * rng.uniform(0.55, 0.95)
        parts.append(
            box(
                (x, -depth * rng.uniform(0.55, 0.95), 0), (x + t, 0, h), surfaces.lacquer(rng, 0.55)
            )
        )
        x += t + 0.001
    return parts


def bookshelf(rng: Generator) -> Piece:
    """Open shelves with books, binders and boxes on them."""
    w, d, h = rng.uniform(0.6, 1.8), rng.uniform(0.24, 0.36), rng.uniform(0.8, 2.2)
    material = body(rng)
    t, n = 0.02, max(2, round(h / rng.uniform(0.28, 0.4)))
    columns = max(1, round(w / rng.uniform(0.7, 1.0)))
    parts = [box((-w / 2, d / 2 - 0.01, 0), (w / 2, d / 2, h), material)]
    for k in range(columns + 1):
        x = -w / 2 + (w - t) * k / columns
        parts.append(box((x, -d / 2, 0), (x + t, d / 2, h), material))
    for k in range(n + 1):
        z = 0.04 + (h - t - 0.04) * k / n
        parts.append(box((-w / 2, -d / 2, z), (w / 2, d / 2, z + t), material))
    fill = rng.uniform(0.3, 1.0)
    for k in range(n):
        z = 0.04 + (h - t - 0.04) * k / n + t
        space = (h - 0.04) / n - t - 0.02
        for j in range(columns):
            a = -w / 2 + (w - t) * j / columns + t + 0.01
            b = -w / 2 + (w - t) * (j + 1) / columns - 0.01
            if rng.random() > fill:
                if rng.random() < 0.5 and b - a > 0.2:
                    s = min(b - a, 0.35) * rng.uniform(0.5, 1)
                    o = rng.uniform(a, b - s)
                    parts.append(
                        box(
                            (o, -d / 2 + 0.03, z),
                            (o + s, d / 2 - 0.03, z + space * rng.uniform(0.3, 0.9)),
                            body(rng),
                        )
                    )
                continue
            books = _book_row(rng, a, a + (b - a) * rng.uniform(0.4, 1.0), space, d - 0.03)
            parts += [m.placed(0, d / 2 - 0.015, z) for m in books]
    return piece(merge(parts), "bookshelf")


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
            face = quad((-w / 2, -d / 2, t + 4e-4), (w, 0, 0), (0, d, 0), surfaces.picture(rng))
            parts.append(merge([block, face]).placed(0, 0, z, rng.normal(0, 0.2)))
            z += t + 6e-4
        return piece(merge(parts), "books")
    if kind < 0.45:
        w, d, h = rng.uniform(0.06, 0.35), rng.uniform(0.06, 0.3), rng.uniform(0.04, 0.3)
        side = surfaces.lacquer(rng, 0.45) if rng.random() < 0.7 else surfaces.wood(rng)
        parts = [box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), side)]
        parts.append(quad((-w / 2, -d / 2 - 4e-4, 0), (w, 0, 0), (0, 0, h), surfaces.picture(rng)))
        return piece(merge(parts), "box")
    if kind < 0.6:
        w = float(rng.choice([0.15, 0.21, 0.3]))
        sheets = [
            quad(
                (-w / 2, -w * 0.7, 0.001), (w, 0, 0), (0, w * 1.4, 0), surfaces.picture(rng)
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


def cushion(rng: Generator) -> Piece:
    """A cushion for sofas, leaning back."""
    s = rng.uniform(0.35, 0.5)
    flat = rounded_box((-s / 2, -0.07, 0), (s / 2, 0.07, s), surfaces.fabric(rng), 0.07)
    a = rng.uniform(0.1, 0.4)
    lean = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]], np.float32)
    return piece(flat.transformed(lean, (0, 0, 0)), "pillow")


def framed_picture(rng: Generator) -> Piece:
    """A picture, poster or sheet to hang on a wall; its back is at y = 0, its foot at z = 0."""
    w, h = rng.uniform(0.2, 1.1), rng.uniform(0.2, 0.9)
    art = surfaces.picture(rng)
    if rng.random() < 0.3:
        return piece(quad((-w / 2, -0.004, 0), (w, 0, 0), (0, 0, h), art), "picture")
    f = rng.uniform(0.01, 0.05)
    frame = body(rng)
    parts = [
        box((-w / 2, -0.02, 0), (w / 2, 0, h), frame),
        quad((-w / 2 + f, -0.0205, f), (w - 2 * f, 0, 0), (0, 0, h - 2 * f), art),
    ]
    return piece(merge(parts), "picture")
