# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The room itself: floor, ceiling, walls with openings, doors, windows, curtains, lamps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from training.rendering import surfaces
from training.rendering.mesh import Material, Mesh, box, merge, plain, quad, rod, rotation_z
from training.rendering.nyu40 import NYU40
from training.rendering.scene import AreaLight, SceneBuilder, Sun

WALL_THICKNESS = 0.18


@dataclass(frozen=True)
class Opening:
    """A hole in a wall: from `start` to `end` along it, `low` to `high` above the floor, metres."""

    wall: int
    start: float
    end: float
    low: float
    high: float
    kind: str


@dataclass
class Room:
    """A box-shaped room.

    Walls count 0..3 as south (y = 0), east, north, west; positions along a wall run
    counter-clockwise, so that the room lies to the left.

    Attributes:
        width, depth, height: metres along x, y, z.
        openings: doors and windows.
    """

    width: float
    depth: float
    height: float
    openings: list[Opening] = field(default_factory=list)

    def wall_length(self, wall: int) -> float:
        """Length of a wall in metres."""
        return self.width if wall % 2 == 0 else self.depth

    def wall_frame(self, wall: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Start corner, direction along the wall and direction into the room, [2] each."""
        w, d = self.width, self.depth
        corner = np.array([(0, 0), (w, 0), (w, d), (0, d)][wall], np.float64)
        along = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)][wall], np.float64)
        return corner, along, np.array([-along[1], along[0]])

    def wall_yaw(self, wall: int) -> float:
        """Yaw of furniture whose back is to this wall (furniture faces -y at yaw 0)."""
        return float(np.pi + wall * np.pi / 2)

    def free_span(self, wall: int, start: float, end: float, margin: float = 0.05) -> bool:
        """Whether no opening of the wall overlaps start..end."""
        return all(
            o.wall != wall or end + margin <= o.start or start - margin >= o.end
            for o in self.openings
        )


def on_wall(
    room: Room, wall: int, mesh: Mesh, along: float, up: float = 0.0, gap: float = 0.0
) -> Mesh:
    """A mesh made in wall coordinates (x along, y into the room, z up), placed on a wall."""
    corner, direction, inwards = room.wall_frame(wall)
    spot = corner + direction * along + inwards * gap
    return mesh.transformed(rotation_z(wall * np.pi / 2), (*spot, up))


def _wall_panels(
    length: float, height: float, holes: list[Opening]
) -> list[tuple[float, float, float, float]]:
    """The wall around its holes as (start, end, low, high) rectangles."""
    cuts_x = sorted({0.0, length, *(o.start for o in holes), *(o.end for o in holes)})
    cuts_z = sorted({0.0, height, *(o.low for o in holes), *(o.high for o in holes)})
    panels = []
    for a, b in zip(cuts_x[:-1], cuts_x[1:], strict=True):
        for c, d in zip(cuts_z[:-1], cuts_z[1:], strict=True):
            x, z = (a + b) / 2, (c + d) / 2
            if not any(o.start < x < o.end and o.low < z < o.high for o in holes):
                panels.append((a, b, c, d))
    return panels


def wall_material(rng: Generator, wet: bool) -> Material:
    """Paint, wallpaper, bricks; tiles in wet rooms."""
    kind = rng.random()
    if wet and kind < 0.7:
        return surfaces.tiles(rng)
    if kind < 0.72:
        color = surfaces.hsv(rng.uniform(0, 1), rng.uniform(0.05, 0.4), rng.uniform(0.5, 0.92))
        return surfaces.paint(rng, color if rng.random() < 0.15 else None)
    if kind < 0.9:
        return surfaces.wallpaper(rng)
    return surfaces.bricks(rng) if kind < 0.96 else surfaces.stone(rng, 0.0)


def floor_material(rng: Generator, kind: str) -> tuple[Material, float]:
    """A floor and the metres that one repetition of its texture covers."""
    wet = kind in ("bathroom", "kitchen")
    choice = rng.random()
    if wet and choice < 0.55:
        return surfaces.tiles(rng), float(rng.uniform(0.8, 2.0))
    if choice < 0.55 or (wet and choice < 0.85):
        return surfaces.planks(rng), 2.0
    if choice < 0.82:
        return surfaces.carpet(rng), float(rng.uniform(0.6, 2.5))
    if choice < 0.92:
        return surfaces.tiles(rng), float(rng.uniform(1.0, 2.4))
    return surfaces.stone(rng), float(rng.uniform(0.8, 2.0))


def build_shell(room: Room, kind: str, builder: SceneBuilder, rng: Generator) -> None:
    """Floor, ceiling, four walls with reveals, and baseboards."""
    w, d, h = room.width, room.depth, room.height
    floor, scale = floor_material(rng, kind)
    # A random turn of the texture: boards run along either axis.
    mesh = quad((0, 0, 0), (w, 0, 0), (0, d, 0), floor, scale, tuple(rng.random(2)))
    if rng.random() < 0.5:
        mesh = Mesh(mesh.vertices, mesh.normals, mesh.uv[..., ::-1], mesh.material, mesh.materials)
    builder.add(mesh, NYU40["floor"])
    ceiling = surfaces.paint(rng, surfaces.neutral(rng, 0.8, 0.97))
    if kind in ("office", "corridor", "classroom") and rng.random() < 0.6:
        ceiling = surfaces.tiles(rng, 2, 0.0)
        ceiling = Material(
            np.clip(ceiling.texture.mean(-1, keepdims=True) * 0.3 + 0.5, 0, 0.8).repeat(3, -1)
        )
    builder.add(quad((0, 0, h), (0, d, 0), (w, 0, 0), ceiling, 1.2), NYU40["ceiling"])
    main = wall_material(rng, kind == "bathroom")
    accent = main if rng.random() < 0.6 else wall_material(rng, kind == "bathroom")
    accent_wall = int(rng.integers(4))
    tile = float(rng.uniform(1.2, 3.0)) if kind != "bathroom" else float(rng.uniform(0.8, 1.6))
    board = (
        plain(surfaces.linear(surfaces.neutral(rng, 0.5, 0.97)))
        if rng.random() < 0.6
        else surfaces.wood(rng)
    )
    board_height = float(rng.uniform(0.05, 0.14)) if rng.random() < 0.8 else 0.0
    for wall in range(4):
        holes = [o for o in room.openings if o.wall == wall]
        length = room.wall_length(wall)
        material = accent if wall == accent_wall else main
        parts = [
            quad((a, 0, c), (b - a, 0, 0), (0, 0, e - c), material, tile, (a / tile, c / tile))
            for a, b, c, e in _wall_panels(length, h, holes)
        ]
        # `quad` above fronts towards -y; ray casting sees both sides and shading turns normals.
        for o in holes:
            t = -WALL_THICKNESS
            parts += [
                quad((o.start, 0, o.low), (0, t, 0), (0, 0, o.high - o.low), material, tile),
                quad((o.end, 0, o.low), (0, t, 0), (0, 0, o.high - o.low), material, tile),
                quad((o.start, 0, o.high), (o.end - o.start, 0, 0), (0, t, 0), material, tile),
                quad((o.start, 0, o.low), (o.end - o.start, 0, 0), (0, t, 0), material, tile),
            ]
        if board_height:
            ends = sorted((o.start, o.end) for o in holes if o.low < 0.05)
            start = 0.0
            for a, b in [*ends, (length, length)]:
                if a - start > 0.05:
                    parts.append(box((start, 0, 0), (a, 0.015, board_height), board))
                start = b
        builder.add(on_wall(room, wall, merge(parts), 0.0), NYU40["wall"])


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
    room: Room, o: Opening, daylight: np.ndarray, builder: SceneBuilder, rng: Generator
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
        surfaces.outdoors(rng)[8:56, :: int(rng.integers(1, 3))],
        0.0,
        float(daylight.max() * rng.uniform(0.25, 0.8)),
    )
    pane = quad((0, y0 - 0.01, 0), (width, 0, 0), (0, 0, height), view)
    start = float(rng.uniform(0, 0.6))
    uv = pane.uv * np.float32([0.4, 1.0]) + np.float32([start, 0.0])
    pane = Mesh(pane.vertices, pane.normals, uv, pane.material, pane.materials)
    builder.add(on_wall(room, o.wall, pane, o.start, o.low), NYU40["window"], instance)
    corner, along, inwards = room.wall_frame(o.wall)
    start_xy = corner + along * o.start - inwards * 0.02
    builder.lights.append(
        AreaLight(
            np.float32([*start_xy, o.low]),
            np.float32([0, 0, height]),
            np.float32([*(along * width), 0]),
            np.float32(daylight),
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
        parts.append(quad(a, b, (0, 0, height), material, 0.6, (x[k] / 0.6, 0.0)))
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
            builder.add(on_wall(room, o.wall, mesh, start, bottom, 0.09), NYU40["curtain"])
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
                    np.float32([x - a, y - b, z - 0.005]),
                    np.float32([0, 2 * b, 0]),
                    np.float32([2 * a, 0, 0]),
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
        np.float32([1.0, 0.93, 0.82]) * np.float32(strength),
        np.float32([-0.125, -0.125, 0.0]),
        np.float32([room.width + 0.125, room.depth + 0.125, room.height]),
    )
