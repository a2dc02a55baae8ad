# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""One finished room: openings, shell, furniture, light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from training.rendering import pictures, surfaces
from training.rendering.clutter import hang, scatter
from training.rendering.furniture import Catalogue
from training.rendering.kinds import ROOM_KINDS
from training.rendering.lighting import add_ceiling_lamps, add_sun
from training.rendering.mesh import quad, vector
from training.rendering.nyu40 import NYU40
from training.rendering.openings import build_door, build_window
from training.rendering.pieces import Pieces
from training.rendering.placement import Plan, rectangle
from training.rendering.room import Opening, Room
from training.rendering.room_kinds import FURNISH
from training.rendering.scene import Scene, SceneBuilder
from training.rendering.shell import build_shell


@dataclass(frozen=True, eq=False)
class FurnishedRoom:
    """A finished room: its kind, shell, plan and the scene to render."""

    kind: str
    room: Room
    plan: Plan
    scene: Scene


def furnish(kind: str, catalogue: Catalogue | None, rng: Generator) -> FurnishedRoom:
    """Build, furnish and light one room.

    Args:
        kind: of room.
        catalogue: furniture models; without it everything is made in code.
        rng: decides everything. Its `uniform` chooses the parameters of what is made; where things
            stand is chosen by a plain generator on the same stream.

    Raises:
        KeyError: `kind` is not one of ROOM_KINDS.
    """
    _, widths, depths = ROOM_KINDS[kind]
    room = Room(
        float(rng.uniform(*widths)), float(rng.uniform(*depths)), float(rng.uniform(2.35, 3.0))
    )
    placing = np.random.Generator(rng.bit_generator)
    _add_openings(room, kind, placing)
    builder = SceneBuilder()
    build_shell(room, kind, builder, rng)
    night = rng.random() < 0.2
    light = 0.0 if night else float(np.exp(rng.normal(0.2, 0.5)))
    lamps = night or rng.random() < 0.7 or not any(o.kind == "window" for o in room.openings)
    glass = sum((o.end - o.start) * (o.high - o.low) for o in room.openings if o.kind == "window")
    floor = room.width * room.depth
    cool = float(rng.uniform(-0.1, 0.2))
    daylight = vector(1 - cool, 1.0, 1 + cool) * (light * 1.1 * floor / max(glass, 0.5) + 0.02)
    for o in room.openings:
        if o.kind == "door":
            _door(room, o, catalogue, builder, rng)
        else:
            build_window(room, o, daylight, builder, rng)
    if lamps:
        # At night the ceiling may be dim, so that lamps on tables and floors light the room.
        dim = 0.08 if night and rng.random() < 0.4 else 1.0
        add_ceiling_lamps(room, builder, rng, dim * float(rng.uniform(0.4, 1.2)))
    if light > 0 and rng.random() < 0.45:
        add_sun(room, builder, rng, light * float(rng.uniform(3, 12)))
    plan = Plan(room, builder, placing)
    pieces = Pieces(catalogue, rng)
    FURNISH[kind](plan, pieces, placing)
    if kind not in ("bathroom", "corridor", "classroom") and rng.random() < 0.4:
        _rug(plan, rng)
    hang(plan, pieces, placing, kind)
    scatter(builder, plan, pieces, placing, kind)
    return FurnishedRoom(kind, room, plan, builder.build())


def _add_openings(room: Room, kind: str, rng: Generator) -> None:
    doors = 1 if kind != "corridor" else int(rng.integers(2, 5))
    doors += int(rng.random() < 0.25)
    windows = int(rng.choice([0, 1, 2, 3], p=[0.12, 0.48, 0.28, 0.12]))
    if kind in ("bathroom", "corridor"):
        windows = int(rng.random() < 0.5)
    french = rng.random() < 0.3
    for number in range(doors + windows):
        for _ in range(25):
            wall = int(rng.integers(4))
            length = room.wall_length(wall)
            if number < doors:
                width, low, high, what = (
                    rng.uniform(0.78, 0.98),
                    0.0,
                    rng.uniform(1.98, 2.12),
                    "door",
                )
            else:
                width = rng.uniform(0.6, min(2.6, 0.7 * length))
                low = 0.02 if french else rng.uniform(0.6, 1.15)
                high, what = min(low + rng.uniform(0.9, 1.5), room.height - 0.15), "window"
                if french:
                    high = min(rng.uniform(2.0, 2.3), room.height - 0.1)
            if width + 0.4 > length:
                continue
            start = float(rng.uniform(0.2, length - width - 0.2))
            if room.free_span(wall, start, start + width, 0.3):
                room.openings.append(
                    Opening(wall, start, start + float(width), float(low), float(high), what)
                )
                break


def _door(
    room: Room, o: Opening, catalogue: Catalogue | None, builder: SceneBuilder, rng: Generator
) -> None:
    models = catalogue.roles.get("door", ()) if catalogue else ()
    if not models or rng.random() < 0.65:
        build_door(room, o, builder, rng)
        return
    piece = Pieces(catalogue, rng, 1.0).make("door")
    if piece is None:
        build_door(room, o, builder, rng)
        return
    mesh = piece.parts[0][0]
    scale = vector((o.end - o.start) / piece.size[0] * 1.08, 1.0, o.high / piece.size[2] * 1.03)
    turned = type(mesh)(mesh.vertices * scale, mesh.normals, mesh.uv, mesh.material, mesh.materials)
    corner, along, inwards = room.wall_frame(o.wall)
    low, _ = turned.bounds
    middle = corner + along * (o.start + o.end) / 2 + inwards * (0.03 - float(-low[1]))
    builder.add(
        turned.placed(float(middle[0]), float(middle[1]), 0.0, room.wall_yaw(o.wall)), NYU40["door"]
    )


def _rug(plan: Plan, rng: Generator) -> None:
    """Lies flat, so it counts as floor: a robot drives over it."""
    room = plan.room
    w, d = rng.uniform(1.2, min(3.0, room.width)), rng.uniform(0.8, min(2.2, room.depth))
    x, y = rng.uniform(0.3, 0.7) * room.width, rng.uniform(0.3, 0.7) * room.depth
    polygon = rectangle(float(x), float(y), float(w), float(d), 0.0)
    if (polygon < 0).any() or (polygon > (room.width, room.depth)).any():
        return
    pile = pictures.rug(rng) if rng.random() < 0.6 else surfaces.carpet(rng)
    mesh = quad((x - w / 2, y - d / 2, 0.008), (w, 0, 0), (0, d, 0), pile)
    plan.builder.add(mesh, NYU40["floor"])
