# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Doors, windows with their daylight, curtains and blinds."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from training.rendering import pictures, surfaces
from training.rendering.mesh import Array, Material, Mesh, box, merge, plain, quad, rod, vector
from training.rendering.nyu40 import NYU40
from training.rendering.room import WALL_THICKNESS, Opening, Room, on_wall
from training.rendering.scene import AreaLight, SceneBuilder


def build_door(room: Room, o: Opening, builder: SceneBuilder, rng: Generator) -> None:
    """A door leaf with panels and handle in a frame, closed or ajar."""
    width, height = o.end - o.start, o.high
    leaf = surfaces.wood(rng) if rng.random() < 0.5 else surfaces.lacquer(rng, 0.15)
    frame = leaf if rng.random() < 0.5 else surfaces.lacquer(rng, 0.05)
    f, instance = 0.07, builder.new_instance()
    casing = merge(
        [
            box((-f, -0.05, 0), (0.02, 0.02, height + f), frame),
            box((width - 0.02, -0.05, 0), (width + f, 0.02, height + f), frame),
            box((-f, -0.05, height - 0.02), (width + f, 0.02, height + f), frame),
        ]
    )
    w, t = width - 0.04, 0.04
    parts = [box((0, 0, 0.005), (w, t, height - 0.02), leaf)]
    rows, columns = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    if rng.random() < 0.6:
        for i in range(rows):
            for j in range(columns):
                a, b = 0.12 + (w - 0.12) * j / columns, (w - 0.12) * (j + 1) / columns
                c, e = 0.15 + (height - 0.3) * i / rows, (height - 0.3) * (i + 1) / rows
                parts.append(box((a, -0.008, c), (b, t + 0.008, e), leaf))
    handle = surfaces.metal(rng)
    for y, s in ((t, 1), (0.0, -1)):
        parts.append(rod((w - 0.07, y, 1.02), (w - 0.07, y + s * 0.05, 1.02), 0.012, handle))
        parts.append(
            rod((w - 0.07, y + s * 0.05, 1.02), (w - 0.18, y + s * 0.05, 1.02), 0.011, handle)
        )
    opened = rng.uniform(0.2, 1.5) if rng.random() < 0.25 else 0.0
    swing = merge(parts).placed(0.02, -0.03, 0, opened)
    builder.add(on_wall(room, o.wall, merge([casing, swing]), o.start), NYU40["door"], instance)
    if opened:
        dark = plain(surfaces.linear(surfaces.neutral(rng, 0.2, 0.7)))
        back = quad((-0.4, -WALL_THICKNESS - 0.6, 0), (width + 0.8, 0, 0), (0, 0, height), dark)
        side = quad((width + 0.2, 0, 0), (0, -0.8, 0), (0, 0, height), dark)
        other = quad((-0.2, 0, 0), (0, -0.8, 0), (0, 0, height), dark)
        ground = quad((-0.4, -1.0, -0.002), (width + 0.8, 0, 0), (0, 1.0, 0), dark)
        top = quad((-0.4, -1.0, height), (width + 0.8, 0, 0), (0, 1.0, 0), dark)
        builder.add(
            on_wall(room, o.wall, merge([back, side, other, ground, top]), o.start), NYU40["wall"]
        )


def build_window(
    room: Room, o: Opening, daylight: Array, builder: SceneBuilder, rng: Generator
) -> None:
    """A window frame with panes of air, a sill, and the daylight it lets in."""
    width, height = o.end - o.start, o.high - o.low
    frame = surfaces.lacquer(rng, 0.05) if rng.random() < 0.7 else surfaces.wood(rng)
    f, y0, y1 = float(rng.uniform(0.04, 0.08)), -0.12, -0.05
    columns = max(1, round(width / rng.uniform(0.5, 1.2)))
    rows = int(rng.choice([1, 1, 2, 3]))
    parts = [
        box((0, y0, 0), (f, y1, height), frame),
        box((width - f, y0, 0), (width, y1, height), frame),
        box((0, y0, 0), (width, y1, f), frame),
        box((0, y0, height - f), (width, y1, height), frame),
    ]
    parts += [
        box((width * k / columns - f / 2, y0, 0), (width * k / columns + f / 2, y1, height), frame)
        for k in range(1, columns)
    ]
    parts += [
        box((0, y0, height * k / rows - 0.02), (width, y1, height * k / rows + 0.02), frame)
        for k in range(1, rows)
    ]
    if o.low > 0.3 and rng.random() < 0.7:
        parts.append(
            box((-0.05, -0.12, -0.03), (width + 0.05, float(rng.uniform(0.03, 0.12)), 0), frame)
        )
    instance = builder.add(on_wall(room, o.wall, merge(parts), o.start, o.low), NYU40["window"])
    # The view is a picture behind the panes, so that the panes carry the window's label.
    view = Material(
        pictures.outdoors(rng)[8:56, :: int(rng.integers(1, 3))],
        0.0,
        float(daylight.max() * rng.uniform(0.25, 0.8)),
    )
    pane = quad((0, y0 - 0.01, 0), (width, 0, 0), (0, 0, height), view)
    start = float(rng.uniform(0, 0.6))
    uv = pane.uv * vector(0.4, 1.0) + vector(start, 0.0)
    pane = Mesh(pane.vertices, pane.normals, uv, pane.material, pane.materials)
    builder.add(on_wall(room, o.wall, pane, o.start, o.low), NYU40["window"], instance)
    corner, along, inwards = room.wall_frame(o.wall)
    start_xy = corner + along * o.start - inwards * 0.02
    builder.lights.append(
        AreaLight(
            vector(*start_xy, o.low),
            vector(0, 0, height),
            vector(*(along * width), 0),
            daylight,
        )
    )
    style = rng.random()
    if style < 0.55:
        _curtains(room, o, builder, rng)
    elif style < 0.72:
        _blinds(room, o, builder, rng)


def wavy_sheet(
    width: float, height: float, material: Material, rng: Generator, gathers: float = 0.12
) -> Mesh:
    """Hanging cloth in the x-z plane, its folds along x, bottom at z = 0."""
    columns = max(8, int(width / 0.02))
    x = np.linspace(0, width, columns + 1)
    depth = float(rng.uniform(0.015, 0.05))
    wave = depth * np.sin(2 * np.pi * x / gathers + rng.uniform(0, 6) + 0.8 * np.sin(5 * x))
    parts = []
    for k in range(columns):
        a, b = (x[k], wave[k], 0.0), (x[k + 1] - x[k], wave[k + 1] - wave[k], 0.0)
        parts.append(quad(a, b, (0, 0, height), material, 0.6, uv_offset=(x[k] / 0.6, 0.0)))
    return merge(parts)


def _curtains(room: Room, o: Opening, builder: SceneBuilder, rng: Generator) -> None:
    cloth = surfaces.fabric(rng)
    top = min(o.high + 0.15, room.height - 0.02)
    bottom = 0.03 if rng.random() < 0.6 else max(o.low - 0.2, 0.03)
    length = room.wall_length(o.wall)
    width = o.end - o.start
    cover = float(rng.uniform(0.15, 0.5)) * width
    left, right = max(o.start - 0.2, 0.02), min(o.end + 0.2, length - 0.02)
    for start, end in ((left, o.start + cover), (o.end - cover, right)):
        if rng.random() < 0.9:
            mesh = wavy_sheet(end - start, top - bottom, cloth, rng)
            builder.add(on_wall(room, o.wall, mesh, start, bottom, gap=0.09), NYU40["curtain"])
    bar = rod((left - 0.02, 0.09, top), (right + 0.02, 0.09, top), 0.012, surfaces.metal(rng))
    builder.add(on_wall(room, o.wall, bar, 0.0), NYU40["otherprop"])


def _blinds(room: Room, o: Opening, builder: SceneBuilder, rng: Generator) -> None:
    slat = surfaces.lacquer(rng, 0.1)
    drop = float(rng.uniform(0.25, 0.95)) * (o.high - o.low)
    count = max(3, int(drop / 0.045))
    tilt = float(rng.uniform(0.005, 0.03))
    parts = [
        quad((0, -0.04, -k * drop / count), (o.end - o.start, 0, 0), (0, tilt, -0.04), slat)
        for k in range(count)
    ]
    builder.add(on_wall(room, o.wall, merge(parts), o.start, o.high), NYU40["blinds"])
