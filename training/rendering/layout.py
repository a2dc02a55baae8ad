# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What kinds of rooms there are and how each is furnished."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from training.rendering import fixtures, surfaces
from training.rendering.arrangements import (
    bed_group,
    desk_group,
    dining_group,
    kitchen_run,
    sofa_group,
)
from training.rendering.clutter import hang, scatter
from training.rendering.furniture import Catalogue
from training.rendering.mesh import quad
from training.rendering.nyu40 import NYU40
from training.rendering.pieces import Pieces
from training.rendering.placement import Plan, rectangle
from training.rendering.scene import Scene, SceneBuilder
from training.rendering.shell import (
    Opening,
    Room,
    add_ceiling_lamps,
    add_sun,
    build_door,
    build_shell,
    build_window,
)

# Share of rooms, width and depth ranges in metres.
ROOM_KINDS: dict[str, tuple[float, tuple[float, float], tuple[float, float]]] = {
    "living_room": (0.2, (3.5, 6.5), (3.2, 5.5)),
    "bedroom": (0.16, (3.0, 5.0), (2.8, 4.5)),
    "kitchen": (0.22, (2.6, 4.8), (2.4, 4.2)),
    "dining_room": (0.09, (3.0, 5.0), (3.0, 4.5)),
    "office": (0.14, (3.0, 7.0), (3.0, 6.0)),
    "bathroom": (0.12, (2.0, 3.6), (1.9, 3.2)),
    "corridor": (0.03, (1.6, 2.4), (4.0, 8.0)),
    "classroom": (0.05, (5.0, 8.0), (4.5, 7.0)),
}


@dataclass(frozen=True, eq=False)
class FurnishedRoom:
    """A finished room: its kind, shell, plan and the scene to render."""

    kind: str
    room: Room
    plan: Plan
    scene: Scene


def kind_of(position: int) -> str:
    """The room kind of the n-th room of a split; kinds follow their shares even in small splits."""
    names = list(ROOM_KINDS)
    share = np.cumsum([ROOM_KINDS[name][0] for name in names])
    # Multiples of the golden ratio fill the unit interval evenly.
    return names[int(np.searchsorted(share / share[-1], (position + 0.5) * 0.6180339887498949 % 1))]


def furnish(kind: str, catalogue: Catalogue | None, rng: Generator) -> FurnishedRoom:
    """Build, furnish and light one room; `rng` decides everything.

    Raises:
        KeyError: `kind` is not one of ROOM_KINDS.
    """
    _, widths, depths = ROOM_KINDS[kind]
    room = Room(
        float(rng.uniform(*widths)), float(rng.uniform(*depths)), float(rng.uniform(2.35, 3.0))
    )
    _add_openings(room, kind, rng)
    builder = SceneBuilder()
    build_shell(room, kind, builder, rng)
    lamps = rng.random() < 0.75 or not any(o.kind == "window" for o in room.openings)
    light = float(np.exp(rng.normal(0.2, 0.5))) if rng.random() < 0.8 else 0.0
    glass = sum((o.end - o.start) * (o.high - o.low) for o in room.openings if o.kind == "window")
    floor = room.width * room.depth
    cool = float(rng.uniform(-0.1, 0.2))
    daylight = np.float32([1 - cool, 1.0, 1 + cool]) * (
        light * 1.1 * floor / max(glass, 0.5) + 0.02
    )
    for o in room.openings:
        if o.kind == "door":
            _door(room, o, catalogue, builder, rng)
        else:
            build_window(room, o, daylight, builder, rng)
    if lamps:
        add_ceiling_lamps(room, builder, rng, float(rng.uniform(0.4, 1.2)))
    if light > 0 and rng.random() < 0.45:
        add_sun(room, builder, rng, light * float(rng.uniform(3, 12)))
    plan = Plan(room, builder, rng)
    pieces = Pieces(catalogue, rng)
    _FURNISH[kind](plan, pieces, rng)
    if kind not in ("bathroom", "corridor", "classroom") and rng.random() < 0.4:
        _rug(plan, rng)
    hang(plan, pieces, rng, kind)
    scatter(builder, plan, pieces, rng, kind)
    return FurnishedRoom(kind, room, plan, builder.build())


def _add_openings(room: Room, kind: str, rng: Generator) -> None:
    doors = 1 if kind != "corridor" else int(rng.integers(2, 5))
    doors += int(rng.random() < 0.25)
    windows = int(rng.choice([0, 1, 2, 3], p=[0.12, 0.48, 0.28, 0.12]))
    if kind in ("bathroom", "corridor"):
        windows = int(rng.random() < 0.5)
    french = rng.random() < 0.25
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
    scale = np.float32(
        [(o.end - o.start) / piece.size[0] * 1.08, 1.0, o.high / piece.size[2] * 1.03]
    )
    turned = type(mesh)(mesh.vertices * scale, mesh.normals, mesh.uv, mesh.material, mesh.materials)
    corner, along, inwards = room.wall_frame(o.wall)
    low, high = turned.bounds
    middle = corner + along * (o.start + o.end) / 2 + inwards * (0.03 - float(-low[1]))
    builder.add(turned.placed(*middle, 0.0, room.wall_yaw(o.wall)), NYU40["door"])


def _rug(plan: Plan, rng: Generator) -> None:
    """Lies flat, so it counts as floor: a robot drives over it."""
    room = plan.room
    w, d = rng.uniform(1.2, min(3.0, room.width)), rng.uniform(0.8, min(2.2, room.depth))
    x, y = rng.uniform(0.3, 0.7) * room.width, rng.uniform(0.3, 0.7) * room.depth
    polygon = rectangle(float(x), float(y), float(w), float(d), 0.0)
    if (polygon < 0).any() or (polygon > (room.width, room.depth)).any():
        return
    pile = surfaces.rug(rng) if rng.random() < 0.6 else surfaces.carpet(rng)
    mesh = quad((x - w / 2, y - d / 2, 0.008), (w, 0, 0), (0, d, 0), pile)
    plan.builder.add(mesh, NYU40["floor"])


def _some(plan: Plan, pieces: Pieces, rng: Generator, roles: dict[str, float]) -> None:
    """Place each role about as often as stated against a wall, more in large or crowded rooms."""
    crowd = float(np.exp(rng.normal(0.3, 0.3))) * plan.room.width * plan.room.depth / 14
    for role, chance in roles.items():
        wanted = chance * crowd
        count = int(wanted) + int(rng.random() < wanted % 1)
        for _ in range(count):
            piece = pieces.make(role)
            if piece is not None:
                plan.against_wall(piece)


_ODDS = {
    "plant": 0.4,
    "trash_can": 0.3,
    "radiator": 0.3,
    "piece": 0.15,
    "floor_lamp": 0.15,
    "stool": 0.2,
}


def _living_room(plan: Plan, pieces: Pieces, rng: Generator) -> None:
    sofa_group(plan, pieces, rng)
    if rng.random() < 0.35:
        dining_group(plan, pieces, rng)
    if rng.random() < 0.15:
        desk_group(plan, pieces, rng)
    _some(
        plan,
        pieces,
        rng,
        {
            "bookshelf": 0.9,
            "sideboard": 0.6,
            "armchair": 0.5,
            "sofa": 0.3,
            "dresser": 0.15,
            "wardrobe": 0.1,
            **_ODDS,
            "plant": 0.8,
        },
    )


def _bedroom(plan: Plan, pieces: Pieces, rng: Generator) -> None:
    bed_group(plan, pieces, rng)
    if rng.random() < 0.45:
        desk_group(plan, pieces, rng)
    _some(
        plan,
        pieces,
        rng,
        {
            "wardrobe": 0.9,
            "dresser": 0.5,
            "bookshelf": 0.4,
            "armchair": 0.25,
            "dining_chair": 0.2,
            **_ODDS,
        },
    )


def _kitchen(plan: Plan, pieces: Pieces, rng: Generator) -> None:
    kitchen_run(plan, pieces, rng)
    if rng.random() < 0.65:
        dining_group(plan, pieces, rng)
    _some(
        plan,
        pieces,
        rng,
        {
            "washing_machine": 0.3,
            "sideboard": 0.2,
            "bar_stool": 0.3,
            "bookshelf": 0.1,
            "stove": 0.1,
            **_ODDS,
        },
    )


def _dining_room(plan: Plan, pieces: Pieces, rng: Generator) -> None:
    dining_group(plan, pieces, rng)
    _some(plan, pieces, rng, {"sideboard": 0.8, "bookshelf": 0.4, "wardrobe": 0.2, **_ODDS})


def _office(plan: Plan, pieces: Pieces, rng: Generator) -> None:
    for _ in range(max(1, int(plan.room.width * plan.room.depth / rng.uniform(6, 12)))):
        desk_group(plan, pieces, rng)
    _some(
        plan,
        pieces,
        rng,
        {
            "bookshelf": 1.2,
            "file_cabinet": 1.2,
            "wardrobe": 0.3,
            "sofa": 0.15,
            "dining_chair": 0.5,
            **_ODDS,
            "trash_can": 0.8,
        },
    )


def _bathroom(plan: Plan, pieces: Pieces, rng: Generator) -> None:
    tub = pieces.make("bathtub")
    if tub is not None and rng.random() < 0.8:
        placed = plan.against_wall(tub, gap=0.0)
        if placed is not None and rng.random() < 0.75:
            curtain = fixtures.shower_curtain(rng, tub.size[0])
            x, y = placed.local(0.0, tub.size[1] / 2 - 0.06)
            for mesh, label in curtain.parts:
                plan.builder.add(mesh.placed(x, y, 0.0, placed.yaw), label)
    for _ in range(1 + int(rng.random() < 0.2)):
        basin = pieces.make("vanity" if rng.random() < 0.2 else "washbasin")
        placed = None if basin is None else plan.against_wall(basin, gap=0.0)
        if basin is not None and placed is not None and basin.size[2] < 1.1 and rng.random() < 0.75:
            glass = fixtures.mirror(rng, basin.size[0] * rng.uniform(0.6, 1.0))
            x, y = placed.local(0.0, -basin.size[1] / 2 + 0.005)
            for mesh, label in glass.parts:
                plan.builder.add(mesh.placed(x, y, 1.2, placed.yaw), label)
    for role in ("toilet", "toilet") if rng.random() < 0.1 else ("toilet",):
        piece = pieces.make(role)
        if piece is not None:
            plan.against_wall(piece, gap=0.0)
    _some(
        plan,
        pieces,
        rng,
        {
            "washing_machine": 0.35,
            "file_cabinet": 0.25,
            "radiator": 0.3,
            "trash_can": 0.5,
            "bookshelf": 0.1,
        },
    )


def _corridor(plan: Plan, pieces: Pieces, rng: Generator) -> None:
    _some(plan, pieces, rng, {"sideboard": 0.4, "bookshelf": 0.5, "file_cabinet": 0.6, **_ODDS})


def _classroom(plan: Plan, pieces: Pieces, rng: Generator) -> None:
    if rng.random() < 0.4:
        for _ in range(int(rng.integers(1, 3))):
            dining_group(plan, pieces, rng, crowded=True)
    else:
        desk = pieces.make("desk" if rng.random() < 0.5 else "dining_table")
        chair = pieces.make("dining_chair")
        if desk is not None and chair is not None:
            for x in np.arange(1.4, plan.room.width - 1.2, desk.size[0] + 0.6):
                for y in np.arange(1.6, plan.room.depth - 1.0, desk.size[1] + 1.0):
                    table = plan.put(desk, float(x), float(y), float(rng.normal(0, 0.03)))
                    if table is not None:
                        plan.facing(table, chair, float(rng.normal(0, 0.1)), desk.size[1] / 2 + 0.2)
    _some(plan, pieces, rng, {"bookshelf": 0.8, "file_cabinet": 0.8, **_ODDS})


_FURNISH = {
    "living_room": _living_room,
    "bedroom": _bedroom,
    "kitchen": _kitchen,
    "dining_room": _dining_room,
    "office": _office,
    "bathroom": _bathroom,
    "corridor": _corridor,
    "classroom": _classroom,
}
