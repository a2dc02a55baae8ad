# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where things stand in a room: footprints, collision tests, placing at walls and in the open."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.rendering.piece import Piece
from training.rendering.room import Room
from training.rendering.scene import SceneBuilder

Polygon = NDArray[np.float64]


def rectangle(x: float, y: float, width: float, depth: float, yaw: float) -> Polygon:
    """Corners of a turned rectangle around (x, y), float64 [4, 2]."""
    c, s = np.cos(yaw), np.sin(yaw)
    half = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (width / 2, depth / 2)
    return half @ np.array([[c, s], [-s, c]]) + (x, y)


def overlaps(a: Polygon, b: Polygon) -> bool:
    """Whether two convex polygons share area (separating axis theorem)."""
    for polygon in (a, b):
        edges = np.roll(polygon, -1, 0) - polygon
        for axis in np.stack([-edges[:, 1], edges[:, 0]], -1):
            pa, pb = a @ axis, b @ axis
            if pa.max() <= pb.min() + 1e-9 or pb.max() <= pa.min() + 1e-9:
                return False
    return True


@dataclass(frozen=True, eq=False)
class Zone:
    """Occupied space: a footprint and the heights between which it is occupied, metres."""

    polygon: Polygon
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Placed:
    """A piece in the room: middle of its footprint, yaw in radians, underside, instance ids."""

    piece: Piece
    x: float
    y: float
    yaw: float
    low: float
    instances: tuple[int, ...]

    def local(self, right: float, forward: float) -> tuple[float, float]:
        """The point `right` and `forward` (out of its front) metres from its middle."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return float(self.x + c * right + s * forward), float(self.y + s * right - c * forward)


@dataclass
class Plan:
    """The room's floor plan while it is being furnished."""

    room: Room
    builder: SceneBuilder
    rng: Generator
    zones: list[Zone] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)

    def __post_init__(self) -> None:
        for o in self.room.openings:
            corner, along, inwards = self.room.wall_frame(o.wall)
            deep = 0.8 if o.kind == "door" else 0.16
            middle = corner + along * (o.start + o.end) / 2 + inwards * deep / 2
            shape = rectangle(
                float(middle[0]), float(middle[1]), o.end - o.start, deep, o.wall * np.pi / 2
            )
            low = 0.0 if o.kind == "door" else max(o.low - 0.1, 0.0)
            self.zones.append(Zone(shape, low, o.high))

    def fits(self, polygon: Polygon, low: float, high: float, ignore: Placed | None = None) -> bool:
        """Whether a footprint lies inside the room and hits nothing between two heights."""
        inside = (polygon > -1e-6).all() and (
            polygon < (self.room.width + 1e-6, self.room.depth + 1e-6)
        ).all()
        if not inside or high > self.room.height:
            return False
        skip = (
            None
            if ignore is None
            else rectangle(
                ignore.x, ignore.y, ignore.piece.size[0], ignore.piece.size[1], ignore.yaw
            )
        )
        for zone in self.zones:
            if low >= zone.high or high <= zone.low:
                continue
            if (
                skip is not None
                and zone.polygon.shape == skip.shape
                and np.allclose(zone.polygon, skip)
            ):
                continue
            if overlaps(polygon, zone.polygon):
                return False
        return True

    def put(
        self,
        piece: Piece,
        x: float,
        y: float,
        yaw: float,
        *,
        low: float = 0.0,
        ignore: Placed | None = None,
    ) -> Placed | None:
        """Place a piece unless something is in the way.

        `ignore` may be overlapped: chairs slide under their table.
        """
        low = low or piece.elevation
        polygon = rectangle(x, y, piece.size[0], piece.size[1], yaw)
        if not self.fits(polygon, low, low + piece.size[2], ignore):
            return None
        self.zones.append(Zone(polygon, low, low + piece.size[2]))
        instances = piece.add_to(self.builder, x, y, low, yaw)
        self.placed.append(Placed(piece, x, y, yaw, low, instances))
        return self.placed[-1]

    def against_wall(
        self,
        piece: Piece,
        wall: int | None = None,
        along: float | None = None,
        *,
        gap: float | None = None,
        low: float = 0.0,
        tries: int = 40,
    ) -> Placed | None:
        """Place a piece with its back to a wall, facing into the room."""
        for _ in range(tries if wall is None or along is None else 1):
            w = int(self.rng.integers(4)) if wall is None else wall
            length = self.room.wall_length(w)
            half = piece.size[0] / 2
            if 2 * half > length:
                continue
            # Furniture likes corners and the middle of walls, and now and then neither.
            spot = along if along is not None else float(self.rng.uniform(half, length - half))
            if along is None and self.rng.random() < 0.25:
                spot = half + float(self.rng.uniform(0, 0.08))
            free = float(self.rng.uniform(0.0, 0.06)) if gap is None else gap
            corner, direction, inwards = self.room.wall_frame(w)
            middle = corner + direction * spot + inwards * (free + piece.size[1] / 2 + 1e-3)
            result = self.put(
                piece, float(middle[0]), float(middle[1]), self.room.wall_yaw(w), low=low
            )
            if result is not None:
                return result
        return None

    def in_the_open(self, piece: Piece, margin: float = 0.3, tries: int = 30) -> Placed | None:
        """Place a piece away from the walls, mostly square to them."""
        for _ in range(tries):
            reach = margin + min(piece.size[:2]) / 2
            if 2 * reach > min(self.room.width, self.room.depth):
                return None
            x = self.rng.uniform(reach, self.room.width - reach)
            y = self.rng.uniform(reach, self.room.depth - reach)
            yaw = self.rng.integers(4) * np.pi / 2
            yaw += self.rng.normal(0, 0.05) if self.rng.random() < 0.7 else self.rng.uniform(0, 1.5)
            result = self.put(piece, float(x), float(y), float(yaw))
            if result is not None:
                return result
        return None

    def facing(
        self,
        anchor: Placed,
        piece: Piece,
        right: float,
        forward: float,
        *,
        spread: float = 0.1,
        overlap: bool = True,
    ) -> Placed | None:
        """Place a piece at a point in the anchor's frame, turned to face the anchor's middle axis.

        `overlap` lets it reach into the anchor's own footprint.
        """
        x, y = anchor.local(right, forward)
        if abs(forward) * anchor.piece.size[0] >= abs(right) * anchor.piece.size[1]:
            target = anchor.local(right, 0.0)
        else:
            target = anchor.local(0.0, forward)
        dx, dy = target[0] - x, target[1] - y
        # Front is -y, so a yaw of zero looks towards (0, -1).
        yaw = float(np.arctan2(dx, -dy) + self.rng.normal(0, spread))
        return self.put(piece, x, y, yaw, ignore=anchor if overlap else None)
