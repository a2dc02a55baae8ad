# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where in a room a camera and what carries it can be."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.rendering.mesh import Array, vector
from training.rendering.room import Room
from training.rendering.scene import Scene

CELL_M = 0.1
_DIRECTIONS = 24
_FLOOR_M = 0.03
"""What is no higher is driven and walked over: floors, rugs, sheets of paper."""


class FreeSpace:
    """A grid of the places above bare floor from which nothing is nearer than a radius.

    Args:
        scene: the room with everything in it.
        room: its shape.
        radius: metres.
        heights: at which the surroundings are felt for, metres above the floor. From the highest
            one also downwards: what is under a place within a quarter of the radius must be floor.
    """

    def __init__(self, scene: Scene, room: Room, radius: float, heights: tuple[float, ...]) -> None:
        counts = (int(room.width / CELL_M), int(room.depth / CELL_M))
        x, y = np.meshgrid(*((np.arange(n) + 0.5) * CELL_M for n in counts), indexing="ij")
        angles = np.arange(_DIRECTIONS) * 2 * np.pi / _DIRECTIONS
        ring = np.stack([np.cos(angles), np.sin(angles), np.zeros(_DIRECTIONS)], -1)
        self._free: NDArray[np.bool_] = np.ones(counts, np.bool_)
        for height in heights:
            places = np.stack([x, y, np.full_like(x, height)], -1).reshape(-1, 1, 3)
            shape = (x.size, _DIRECTIONS, 3)
            origins: Array = np.broadcast_to(places, shape).reshape(-1, 3).astype(np.float32)
            ways: Array = np.broadcast_to(ring, shape).reshape(-1, 3).astype(np.float32)
            near = scene.blocked(origins, ways, np.full(len(ways), radius, np.float32))
            self._free &= ~near.reshape(*counts, _DIRECTIONS).any(-1)
        # Sideways rays from inside a wide thing may meet nothing.
        for east, north in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
            shift = radius / 4
            spots = np.stack([x + shift * east, y + shift * north, np.full_like(x, max(heights))])
            start: Array = spots.reshape(3, -1).T.astype(np.float32)
            hits = scene.cast(start, np.broadcast_to(vector(0, 0, -1), start.shape))
            ground = max(heights) - hits.distance < _FLOOR_M
            self._free &= ground.reshape(counts)

    def at(self, places: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each place (x, y) [n, 2] is free; what lies outside the grid is not."""
        cells = np.floor(places / CELL_M).astype(int)
        inside = ((cells >= 0) & (cells < self._free.shape)).all(-1)
        cells = np.clip(cells, 0, np.array(self._free.shape) - 1)
        free: NDArray[np.bool_] = inside & self._free[cells[:, 0], cells[:, 1]]
        return free

    def draw(self, rng: Generator) -> NDArray[np.float64] | None:
        """A free place (x, y) by chance, None where there is none."""
        cells = np.argwhere(self._free)
        if len(cells) == 0:
            return None
        place: NDArray[np.float64] = (cells[int(rng.integers(len(cells)))] + 0.5) * CELL_M
        return place
