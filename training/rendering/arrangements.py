# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Furniture that stands together: tables with chairs, sofas with tables, beds, desks, kitchens."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from training.rendering import kitchen
from training.rendering.pieces import Pieces
from training.rendering.placement import Placed, Plan


def dining_group(plan: Plan, pieces: Pieces, rng: Generator, crowded: bool = False) -> None:
    """A table, in the open or at a wall, with chairs pushed in or pulled out around it."""
    table = pieces.make("dining_table")
    if table is None:
        return
    placed = None
    if rng.random() < 0.75:
        placed = plan.in_the_open(table, 0.6)
    if placed is None:
        placed = plan.against_wall(table)
    if placed is None:
        return
    chair = pieces.make("dining_chair")
    w, d, _ = table.size
    per_side = max(1, int(w / 0.65))
    spots = [
        ((k + 0.5) / per_side * w - w / 2, side * d / 2)
        for k in range(per_side)
        for side in (-1, 1)
    ]
    spots += [(side * w / 2, 0.0) for side in (-1, 1)]
    for right, forward in spots:
        if chair is None or rng.random() > (0.95 if crowded else 0.8):
            continue
        if rng.random() < 0.12:
            chair = pieces.make("dining_chair") or chair
        tuck = float(rng.uniform(-0.12, 0.35)) + chair.size[1] / 2 - 0.15
        plan.facing(
            placed,
            chair,
            right + (np.sign(right) * tuck if forward == 0 else 0.0),
            forward + np.sign(forward) * tuck,
            spread=float(rng.choice([0.05, 0.3])),
        )


def sofa_group(plan: Plan, pieces: Pieces, rng: Generator) -> None:
    """A sofa with a coffee table before it, armchairs, and a television opposite."""
    sofa = pieces.make("sofa")
    if sofa is None:
        return
    placed = plan.against_wall(sofa) if rng.random() < 0.75 else plan.in_the_open(sofa)
    if placed is None:
        return
    table = pieces.make("coffee_table")
    reach = sofa.size[1] / 2
    if table is not None and rng.random() < 0.85:
        reach += rng.uniform(0.25, 0.5) + table.size[1] / 2
        x, y = placed.local(float(rng.normal(0, 0.15)), reach)
        plan.put(table, x, y, placed.yaw + float(rng.normal(0, 0.05)))
    for side in (-1, 1):
        if rng.random() < 0.5:
            seat = pieces.make("armchair")
            if seat is not None:
                x, y = placed.local(side * (sofa.size[0] / 2 + 0.5), reach + rng.uniform(-0.2, 0.4))
                turn = placed.yaw - side * float(rng.uniform(0.8, 1.7))
                plan.put(seat, x, y, turn)
    if rng.random() < 0.4:
        second = pieces.make("sofa")
        if second is not None:
            plan.against_wall(second)
    stand = pieces.make("tv_stand")
    opposite = round(placed.yaw / (np.pi / 2) - 2 + 2) % 4
    if stand is not None and rng.random() < 0.8:
        spot = plan.against_wall(stand, wall=opposite) or plan.against_wall(stand)
        if spot is not None:
            _stand_on(plan, pieces, spot, "television")


def _stand_on(plan: Plan, pieces: Pieces, below: Placed, role: str, back: float = 0.0) -> None:
    piece = pieces.make(role)
    if piece is None or piece.size[0] > below.piece.size[0] + 0.2 or below.piece.size[2] > 1.3:
        return
    x, y = below.local(0.0, -back)
    plan.put(piece, x, y, below.yaw, low=below.piece.size[2] + 1e-3)


def bed_group(plan: Plan, pieces: Pieces, rng: Generator) -> None:
    """A bed, head to the wall, with nightstands and lamps."""
    bed = pieces.make("bed")
    placed = None if bed is None else plan.against_wall(bed)
    if bed is None or placed is None:
        return
    stand = pieces.make("nightstand")
    for side in (-1, 1):
        if stand is None or rng.random() < 0.3:
            continue
        back = -bed.size[1] / 2 + stand.size[1] / 2
        x, y = placed.local(side * (bed.size[0] / 2 + stand.size[0] / 2 + 0.06), back)
        night = plan.put(stand, x, y, placed.yaw)
        if night is not None and rng.random() < 0.6:
            _stand_on(plan, pieces, night, "table_lamp")


def desk_group(plan: Plan, pieces: Pieces, rng: Generator) -> None:
    """A desk with a chair at its open side, and a screen or lamp on it."""
    desk = pieces.make("desk")
    chair = pieces.make("office_chair" if rng.random() < 0.65 else "dining_chair")
    if desk is None:
        return
    # Chairs need room in front, so the desk is placed together with that space.
    placed = plan.against_wall(desk) if rng.random() < 0.8 else plan.in_the_open(desk, 0.7)
    if placed is None:
        return
    if chair is not None and rng.random() < 0.9:
        forward = desk.size[1] / 2 + chair.size[1] / 2 + float(rng.uniform(-0.25, 0.3))
        plan.facing(placed, chair, float(rng.normal(0, 0.15)), forward, spread=0.4)
    if rng.random() < 0.8 and desk.size[2] < 0.85:
        _stand_on(plan, pieces, placed, "monitor", 0.05)
    elif rng.random() < 0.4 and desk.size[2] < 0.85:
        _stand_on(plan, pieces, placed, "table_lamp", 0.1)


def kitchen_run(plan: Plan, pieces: Pieces, rng: Generator) -> None:
    """Counters with sink and stove, wall cabinets and a refrigerator along one or two walls."""
    style = kitchen.KitchenStyle(pieces.rng)
    walls = sorted(range(4), key=lambda w: -_longest_span(plan, w)[1])
    first = walls[0] if rng.random() < 0.8 else walls[1]
    _run_along(plan, pieces, style, first, inset=0.0, main=True)
    if rng.random() < 0.6:
        second = (first + int(rng.choice([1, 3]))) % 4
        _run_along(plan, pieces, style, second, inset=style.depth + 0.05, main=False)
    if rng.random() < 0.2 and min(plan.room.width, plan.room.depth) > 3.2:
        island = kitchen.counter(
            pieces.rng, style, float(rng.uniform(1.0, 1.8)), False, splash=False
        )
        plan.in_the_open(island, 0.8)


def _longest_span(plan: Plan, wall: int) -> tuple[float, float]:
    """Start and length of the wall's longest stretch without doors."""
    length = plan.room.wall_length(wall)
    doors = sorted((o.start, o.end) for o in plan.room.openings if o.wall == wall and o.low < 0.5)
    best, start = (0.0, 0.0), 0.0
    for a, b in [*doors, (length, length)]:
        if a - start > best[1]:
            best = (start, a - start)
        start = b + 0.05
    return best


def _modules(rng: Generator, length: float, main: bool) -> list[tuple[str, float]]:
    """What stands along `length` metres, in order, with the widths of the counters."""
    modules: list[tuple[str, float]] = []
    rest = length - 0.02
    if main and rest > 2.0 and rng.random() < 0.85:
        modules.append(("fridge", 0.0))
        rest -= 1.0
    if main and rest > 1.8 and rng.random() < 0.8:
        modules.append(("stove", 0.6))
        rest -= 0.6
    count = 1 if rest < 1.8 else 2
    widths = rng.uniform(0.8, 1.2, count)
    widths *= rest * rng.uniform(0.75, 1.0) / widths.sum()
    for k, w in enumerate(widths):
        if w > 0.35:
            position = int(rng.integers(1 if main else 0, len(modules) + 1)) if modules else 0
            sink = k == 0 and (main or rng.random() < 0.3)
            modules.insert(position, ("sink" if sink else "counter", float(w)))
    return modules[::-1] if rng.random() < 0.5 else modules


def _run_along(
    plan: Plan,
    pieces: Pieces,
    style: kitchen.KitchenStyle,
    wall: int,
    *,
    inset: float,
    main: bool,
) -> None:
    rng = plan.rng
    start, length = _longest_span(plan, wall)
    end = min(start + length, plan.room.wall_length(wall) - inset)
    start = max(start, inset)
    at = start + 0.01
    for what, width in _modules(rng, end - start, main):
        if what == "fridge":
            piece = pieces.make("refrigerator")
        elif what == "stove":
            piece = kitchen.stove(pieces.rng, style)
        else:
            piece = kitchen.counter(pieces.rng, style, width, what == "sink")
        if piece is None:
            continue
        middle = at + piece.size[0] / 2
        placed = plan.against_wall(piece, wall, middle, gap=0.0)
        if placed is not None and what != "fridge" and rng.random() < 0.8:
            hung = kitchen.wall_cabinets(pieces.rng, style, piece.size[0])
            low = float(rng.uniform(1.36, 1.5))
            if plan.room.free_span(wall, at, at + piece.size[0]):
                plan.against_wall(hung, wall, middle, gap=0.0, low=low)
        at += piece.size[0] + 0.004
