# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Floor, ceiling and walls, with what covers them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.random import Generator

from training.rendering import surfaces
from training.rendering.mesh import Material, Mesh, box, merge, plain, quad
from training.rendering.nyu40 import NYU40
from training.rendering.room import WALL_THICKNESS, Opening, Room, on_wall
from training.rendering.scene import SceneBuilder


def _wall_panels(
    length: float, height: float, holes: list[Opening]
) -> list[tuple[float, float, float, float]]:
    """The wall around its holes as (start, end, low, high) rectangles."""
    cuts_x = sorted({0.0, length, *(o.start for o in holes), *(o.end for o in holes)})
    cuts_z = sorted({0.0, height, *(o.low for o in holes), *(o.high for o in holes)})
    panels = []
    for a, b in pairwise(cuts_x):
        for c, d in pairwise(cuts_z):
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
    shift = rng.random(2)
    # A random turn of the texture: boards run along either axis.
    mesh = quad((0, 0, 0), (w, 0, 0), (0, d, 0), floor, scale, uv_offset=(shift[0], shift[1]))
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
            quad(
                (a, 0, c),
                (b - a, 0, 0),
                (0, 0, e - c),
                material,
                tile,
                uv_offset=(a / tile, c / tile),
            )
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
