# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Cabinets, bookshelves, tables and desks made in code, each piece different.

Every function but `storage` returns a `Piece` in the furniture frame (front towards -y, standing
on z = 0).
"""

from __future__ import annotations

from dataclasses import replace

from numpy.random import Generator

from training.rendering import surfaces
from training.rendering.mesh import Material, Mesh, box, cylinder, lathe, merge, rod
from training.rendering.piece import Piece, body, legs, piece


def storage(
    rng: Generator, w: float, d: float, h: float, style: str, *, material: Material | None = None
) -> Mesh:
    """A cabinet body with door or drawer fronts and handles.

    `material`, if given, is that of body and fronts, as the cabinets of one kitchen share it.
    """
    carcass = body(rng) if material is None else material
    front = carcass if material is not None or rng.random() < 0.6 else body(rng)
    handle = surfaces.metal(rng) if rng.random() < 0.7 else front
    plinth = float(rng.choice([0.0, 0.08])) if h > 0.5 else 0.0
    parts = [
        box((-w / 2, -d / 2 + 0.02, plinth), (w / 2, d / 2, h), carcass),
    ]
    if plinth:
        parts.append(box((-w / 2, -d / 2 + 0.07, 0), (w / 2, d / 2, plinth), carcass))
    # Drawers are as wide as a metre and as high as pans, in kitchens above all.
    columns = max(1, round(w / rng.uniform(0.4, 1.0 if style == "drawers" else 0.6)))
    rows = (
        max(1, round(h / rng.uniform(0.16, 0.42)))
        if style == "drawers"
        else (2 if h > 1.9 and rng.random() < 0.4 else 1)
    )
    gap = 0.003
    bar = rng.random() < 0.6
    reach = float(rng.uniform(0.05, 0.4 * w / columns)) if style == "drawers" else 0.08
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
                start, end = ((a + b) / 2 - reach, e - 0.05), ((a + b) / 2 + reach, e - 0.05)
            else:
                x = b - 0.05 if i % 2 == 0 else a + 0.05
                z = (c + e) / 2 if h > 1.2 else e - 0.12
                start, end = (x, z - reach), (x, z + reach)
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


def table(rng: Generator, height: float | None = None) -> Piece:
    """A table: rectangular or round top on legs, panels (if low) or a pedestal."""
    h = float(rng.uniform(0.7, 0.78)) if height is None else height
    low = h < 0.6
    w = rng.uniform(0.7, 1.3) if low else rng.uniform(0.9, 2.0)
    d = rng.uniform(0.45, 0.75) if low else rng.uniform(0.65, 1.0)
    top, base, t = _top_and_base(rng)
    style = rng.random()
    if style < 0.2:
        w = d = rng.uniform(0.6, 1.2)
        parts = [
            lathe([(1e-4, h - t), (w / 2, h - t), (w / 2, h), (1e-4, h)], top, 32),
            cylinder(0.04, 0.02, h - t, base),
            cylinder(w * 0.28, 0.0, 0.03, base, 24),
        ]
        return piece(merge(parts), "table")
    parts = [_plate(w, d, h, t, top)]
    if low and style > 0.75:
        parts += _side_panels(w, d, h - t, base)
    else:
        parts += legs(rng, (w, d, h - t), rng.uniform(0.018, 0.04), base)
        if rng.random() < 0.5:
            low_corner = (-w / 2 + 0.05, -d / 2 + 0.05, h - t - 0.08)
            parts.append(box(low_corner, (w / 2 - 0.05, d / 2 - 0.05, h - t), base))
    return piece(merge(parts), "table")


def desk(rng: Generator) -> Piece:
    """A desk: a shallow top with a panel at its back, mostly with drawers, some with a shelf."""
    h = float(rng.uniform(0.7, 0.78))
    w, d = rng.uniform(0.95, 1.8), rng.uniform(0.5, 0.8)
    top, base, t = _top_and_base(rng)
    parts = [_plate(w, d, h, t, top)]
    # Legs may be of chrome, panels are not: they would be mirrors.
    panel = replace(base, gloss=min(base.gloss, 0.04))
    if rng.random() < 0.45:
        parts += legs(rng, (w, d, h - t), rng.uniform(0.015, 0.03), base)
    else:
        parts += _side_panels(w, d, h - t, panel)
    panel_low = h * rng.uniform(0.25, 0.55)
    parts.append(
        box((-w / 2 + 0.04, d / 2 - 0.08, panel_low), (w / 2 - 0.04, d / 2 - 0.06, h - t), panel)
    )
    sides = [-1, 1] if w > 1.35 and rng.random() < 0.35 else [int(rng.choice([-1, 1]))]
    if rng.random() < 0.85:
        fronts = top if rng.random() < 0.6 else body(rng)
        wide = rng.uniform(0.32, 0.42)
        for side in sides:
            drawers = storage(rng, wide, d - 0.08, h - t, "drawers", material=fronts)
            parts.append(drawers.placed(side * (w / 2 - 0.04 - wide / 2), 0))
    if rng.random() < 0.2:
        shelf = h + rng.uniform(0.2, 0.4)
        parts.append(box((-w / 2, d / 2 - 0.24, shelf), (w / 2, d / 2, shelf + 0.02), top))
        for side in (-1, 1):
            x = side * (w / 2 - 0.01)
            parts.append(box((x - 0.01, d / 2 - 0.24, h), (x + 0.01, d / 2, shelf), top))
        parts.append(box((-w / 2, d / 2 - 0.015, h), (w / 2, d / 2, shelf), top))
    return piece(merge(parts), "desk")


def _top_and_base(rng: Generator) -> tuple[Material, Material, float]:
    """Materials of the plate and of what carries it, and the plate's thickness in metres."""
    top = surfaces.wood(rng) if rng.random() < 0.65 else surfaces.lacquer(rng, 0.1)
    other = surfaces.metal(rng) if rng.random() < 0.5 else body(rng)
    return top, top if rng.random() < 0.45 else other, rng.uniform(0.018, 0.05)


def _plate(w: float, d: float, h: float, thickness: float, material: Material) -> Mesh:
    return box((-w / 2, -d / 2, h - thickness), (w / 2, d / 2, h), material)


def _side_panels(w: float, d: float, height: float, material: Material) -> list[Mesh]:
    panels = []
    for side in (-1, 1):
        x = side * (w / 2 - 0.03)
        panels.append(
            box((x - 0.015, -d / 2 + 0.03, 0), (x + 0.015, d / 2 - 0.03, height), material)
        )
    return panels
