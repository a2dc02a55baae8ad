# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The room's shape: four walls, their openings, and frames along them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from training.rendering.mesh import Mesh, rotation_z

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
    room: Room, wall: int, mesh: Mesh, along: float, up: float = 0.0, *, gap: float = 0.0
) -> Mesh:
    """A mesh made in wall coordinates (x along, y into the room, z up), placed on a wall."""
    corner, direction, inwards = room.wall_frame(wall)
    spot = corner + direction * along + inwards * gap
    return mesh.transformed(rotation_z(wall * np.pi / 2), (*spot, up))
