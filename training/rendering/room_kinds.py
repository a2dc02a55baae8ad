# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What kinds of rooms there are and what stands in each."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from training.rendering import bathroom
from training.rendering.arrangements import (
    bed_group,
    desk_group,
    dining_group,
    kitchen_run,
    sofa_group,
)
from training.rendering.pieces import Pieces
from training.rendering.placement import Plan


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
    if rng.random() < 0.55:
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
    if rng.random() < 0.8:
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
            curtain = bathroom.shower_curtain(pieces.rng, tub.size[0])
            x, y = placed.local(0.0, tub.size[1] / 2 - 0.06)
            for mesh, label in curtain.parts:
                plan.builder.add(mesh.placed(x, y, 0.0, placed.yaw), label)
    for _ in range(1 + int(rng.random() < 0.2)):
        basin = pieces.make("vanity" if rng.random() < 0.2 else "washbasin")
        placed = None if basin is None else plan.against_wall(basin, gap=0.0)
        if basin is not None and placed is not None and basin.size[2] < 1.1 and rng.random() < 0.75:
            glass = bathroom.mirror(pieces.rng, basin.size[0] * rng.uniform(0.6, 1.0))
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
        desk = pieces.make("desk")
        chair = pieces.make("dining_chair")
        if desk is not None and chair is not None:
            for x in np.arange(1.4, plan.room.width - 1.2, desk.size[0] + 0.6):
                for y in np.arange(1.6, plan.room.depth - 1.0, desk.size[1] + 1.0):
                    table = plan.put(desk, float(x), float(y), float(rng.normal(0, 0.03)))
                    if table is not None:
                        plan.facing(table, chair, float(rng.normal(0, 0.1)), desk.size[1] / 2 + 0.2)
    _some(plan, pieces, rng, {"bookshelf": 0.8, "file_cabinet": 0.8, **_ODDS})


FURNISH = {
    "living_room": _living_room,
    "bedroom": _bedroom,
    "kitchen": _kitchen,
    "dining_room": _dining_room,
    "office": _office,
    "bathroom": _bathroom,
    "corridor": _corridor,
    "classroom": _classroom,
}
