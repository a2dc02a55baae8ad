# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What lies about: things on tables, counters and floors, cushions, pictures and wall clocks."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from training.rendering.mesh import Array, vector
from training.rendering.nyu40 import NYU40
from training.rendering.pieces import Pieces
from training.rendering.placement import Plan, Polygon, overlaps, rectangle
from training.rendering.scene import Scene, SceneBuilder

_ITEMS = {
    "kitchen": "kitchen_item",
    "bathroom": "bath_item",
}
# Things per square metre of top; the draw is scaled per room, so that tidy and messy rooms occur.
_DENSITY = {
    "table": 5.0,
    "desk": 7.0,
    "counter": 10.0,
    "cabinet": 3.0,
    "nightstand": 5.0,
    "dresser": 4.0,
    "bookshelf": 3.0,
    "floor": 0.35,
    "otherfurniture": 0.5,
    "bed": 0.3,
}
_LARGEST_ON_TOP = 0.62


def hang(plan: Plan, pieces: Pieces, rng: Generator, kind: str) -> None:
    """Pictures, posters, whiteboards and wall items on free stretches of wall."""
    if kind in ("office", "classroom") and rng.random() < 0.6:
        board = pieces.make("whiteboard")
        if board is not None:
            plan.against_wall(board, gap=0.0, low=float(rng.uniform(0.8, 1.0)), tries=20)
    if kind in ("kitchen", "office", "classroom") and rng.random() < 0.6:
        _pin_notes(plan, pieces, rng)
    for _ in range(int(rng.integers(1, 7))):
        piece = pieces.make("picture" if rng.random() < 0.9 else "wall_item")
        if piece is not None:
            plan.against_wall(piece, gap=0.0, low=float(rng.uniform(1.1, 1.7)), tries=6)
            if rng.random() < 0.15:
                for _ in range(int(rng.integers(2, 5))):
                    more = pieces.make("picture")
                    if more is not None:
                        plan.against_wall(more, gap=0.0, low=float(rng.uniform(1.0, 1.8)), tries=6)


def _pin_notes(plan: Plan, pieces: Pieces, rng: Generator) -> None:
    """Sheets and leaflets side by side, as people pin them above worktops and desks."""
    wall = int(rng.integers(4))
    along = float(rng.uniform(0.2, 0.8)) * plan.room.wall_length(wall)
    height = float(rng.uniform(0.95, 1.4))
    for _ in range(int(rng.integers(3, 13))):
        note = pieces.make("note")
        if note is not None:
            spot = along + float(rng.normal(0, 0.45))
            low = height + float(rng.normal(0, 0.12))
            plan.against_wall(note, wall, spot, gap=0.008, low=low)


def scatter(builder: SceneBuilder, plan: Plan, pieces: Pieces, rng: Generator, kind: str) -> None:
    """Put things onto whatever is flat and wide enough; rays from above find the surfaces."""
    _Scatter(builder.build(), plan, pieces, rng).run(_ITEMS.get(kind, "table_item"))


class _Scatter:
    """Drops things into a room that is furnished already."""

    def __init__(self, scene: Scene, plan: Plan, pieces: Pieces, rng: Generator) -> None:
        self._scene, self._plan, self._pieces, self._rng = scene, plan, pieces, rng
        self._taken: list[tuple[Polygon, float]] = []

    def run(self, usual: str) -> None:
        """Fill every surface with things of the `usual` role and others that fit it."""
        scene, rng = self._scene, self._rng
        mess = float(np.exp(rng.normal(0.15, 0.75)))
        labels = {NYU40[name]: name for name in _DENSITY}
        for instance in np.unique(scene.instance):
            rows = scene.instance == instance
            name = labels.get(int(scene.label[rows][0]))
            if name is None:
                continue
            points = scene.vertices[rows].reshape(-1, 3)
            low, high = points.min(0), points.max(0)
            area = float(np.prod(high[:2] - low[:2]))
            count = int(rng.poisson(min(_DENSITY[name] * mess * area, 24)))
            if high[2] > 2.0 or (name != "floor" and high[2] > 1.5 and rng.random() < 0.5):
                continue
            for _ in range(count):
                self._drop(int(instance), low, high, self._role(name, usual))
        self._cushions()

    def _role(self, surface: str, usual: str) -> str:
        rng = self._rng
        if surface == "floor":
            return "plant" if rng.random() < 0.1 else "floor_item"
        if surface in ("table", "desk") and rng.random() < 0.25:
            return "kitchen_item" if surface == "table" else "table_item"
        if surface in ("nightstand", "dresser") and rng.random() < 0.2:
            return "table_lamp"
        return usual

    def _drop(self, instance: int, low: Array, high: Array, role: str) -> None:
        rng = self._rng
        piece = self._pieces.make(role)
        on_floor = role in ("floor_item", "plant")
        if piece is None or (not on_floor and max(piece.size) > _LARGEST_ON_TOP):
            return
        for _ in range(4):
            x, y = float(rng.uniform(low[0], high[0])), float(rng.uniform(low[1], high[1]))
            turned = rng.random() < 0.5
            yaw = float(rng.uniform(0, 2 * np.pi) if turned else rng.normal(0, 0.2))
            polygon = rectangle(x, y, piece.size[0], piece.size[1], yaw)
            top = supported(self._scene, instance, polygon, float(high[2]))
            if top is None:
                continue
            if any(abs(top - z) < 0.05 and overlaps(polygon, other) for other, z in self._taken):
                continue
            if on_floor and not self._plan.fits(polygon, 0.0, piece.size[2]):
                continue
            self._taken.append((polygon, top))
            piece.add_to(self._plan.builder, x, y, top + 1e-3, yaw)
            return

    def _cushions(self) -> None:
        rng = self._rng
        for placed in self._plan.placed:
            if placed.piece.parts[0][1] != NYU40["sofa"]:
                continue
            for _ in range(int(rng.integers(0, 4))):
                piece = self._pieces.make("cushion")
                right = float(rng.uniform(-0.35, 0.35)) * placed.piece.size[0]
                x, y = placed.local(right, -0.02)
                hits = self._scene.cast(vector(x, y, 1.6)[None], vector(0, 0, -1)[None])
                top = 1.6 - float(hits.distance[0])
                if piece is None or not 0.25 < top < 0.65:
                    continue
                yaw = placed.yaw + float(rng.normal(0, 0.3))
                piece.add_to(self._plan.builder, x, y, top - 0.01, yaw)


def supported(scene: Scene, instance: int, polygon: Polygon, highest: float) -> float | None:
    """Height of the flat surface of `instance` below a footprint, or None where there is none.

    `highest` is the height of the instance's highest point; all in metres.
    """
    middle = polygon.mean(0, keepdims=True)
    spots = np.concatenate([0.85 * polygon + 0.15 * middle, middle])
    start = min(highest + 0.45, 2.2)
    origins = np.concatenate([spots, np.full((5, 1), start)], -1).astype(np.float32)
    hits = scene.cast(origins, np.broadcast_to(vector(0, 0, -1), origins.shape))
    if (hits.triangle < 0).any() or (scene.instance[hits.triangle] != instance).any():
        return None
    if np.ptp(hits.distance) > 0.012:
        return None
    return start - float(hits.distance.min())
