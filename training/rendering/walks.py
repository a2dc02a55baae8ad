# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings: the poses of a camera that a person holds or a robot carries through a room."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.data.intrinsics import Intrinsics
from training.rendering.camera import look_at
from training.rendering.free_space import FreeSpace
from training.rendering.layout import FurnishedRoom
from training.rendering.nyu40 import SCANNET20_IDS
from training.rendering.rooms_error import RoomsError
from training.rendering.views import PROBE, Pose, interest

FRAME_RATE = 15.0
"""Frames per second of a recording."""

_ROBOT_RADIUS = 0.25
_PERSON_RADIUS = 0.3
_ACCELERATION = 0.6
_TURN_ACCELERATION = 1.5
_LOOK_AHEAD = 0.5
_FASTEST_TURN = 0.8
"""Of a person who films, radians a second."""
_LEAST_INTEREST = 0.6


class NoWayError(RoomsError):
    """A room is so full that nobody gets through; the message is one sentence."""


def walk(
    furnished: FurnishedRoom, carrier: str, count: int, fov: float, rng: Generator, tries: int = 24
) -> list[Pose]:
    """Camera-to-world poses of a recording of `count` frames at FRAME_RATE.

    Of several tries that collide with nothing, the one that shows most is taken.

    Args:
        furnished: the room.
        carrier: `hand` or `robot`.
        count: frames.
        fov: horizontal field of view, radians.
        rng: decides everything.
        tries: that are compared.

    Raises:
        NoWayError: every try collided with something.
        KeyError: the carrier is unknown.
    """
    make = CARRIERS[carrier]
    probe = Intrinsics.from_fov(*PROBE, fov)
    best: tuple[float, list[Pose]] | None = None
    for _ in range(tries):
        poses = make(furnished, count, rng)
        if poses is None:
            continue
        scores = [interest(furnished, probe, pose) for pose in poses[:: max(1, count // 6)]]
        score = float(np.mean(scores)) + (-5.0 if min(scores) < _LEAST_INTEREST else 0.0)
        if best is None or score > best[0]:
            best = (score, poses)
    if best is None:
        raise NoWayError(
            f"no {carrier} gets through this {furnished.kind} without touching anything; "
            "render the others with --scene, or use another seed"
        )
    return best[1]


def robot_drive(furnished: FurnishedRoom, count: int, rng: Generator) -> list[Pose] | None:
    """A wheeled robot that drives ahead and turns on the spot before obstacles.

    Its camera keeps its height, 0.3 to 1.2 m, and its tilt.
    """
    height = float(rng.uniform(0.3, 1.2))
    tilt = float(rng.uniform(-0.3, 0.1)) if height > 0.6 else float(rng.uniform(-0.05, 0.2))
    space = FreeSpace(furnished.scene, furnished.room, _ROBOT_RADIUS, (0.06, 0.2, height))
    place = space.draw(rng)
    if place is None:
        return None
    heading = float(rng.uniform(-np.pi, np.pi))
    fastest, side = float(rng.uniform(0.25, 0.6)), float(rng.choice([-1.0, 1.0]))
    speed = turn = 0.0
    turning = False
    poses = []
    for _ in range(count):
        ahead = np.array([np.cos(heading), np.sin(heading)])
        reach = np.linspace(0.1, 1.6 * _LOOK_AHEAD if turning else _LOOK_AHEAD, 6)
        turning = not space.at(place + reach[:, None] * ahead).all()
        wanted = (0.0, 0.8 * side) if turning else (fastest, float(rng.normal(0, 0.25)))
        step = 1 / FRAME_RATE
        speed += float(np.clip(wanted[0] - speed, -3 * _ACCELERATION * step, _ACCELERATION * step))
        turn += float(np.clip(wanted[1] - turn, *(np.array([-1, 1]) * _TURN_ACCELERATION * step)))
        moved = place + ahead * max(speed, 0.0) * step
        if space.at(moved[None])[0]:
            place = moved
        else:
            speed = 0.0
        heading += turn * step
        shake = rng.normal(0, 0.0015, 2) * min(1.0, speed / 0.2)
        eye = np.array([*place, height])
        gaze = np.array([np.cos(heading), np.sin(heading), np.tan(tilt + shake[0])])
        poses.append(look_at(eye, eye + gaze, float(shake[1])))
    return poses


def hand_held(furnished: FurnishedRoom, count: int, rng: Generator) -> list[Pose] | None:
    """A person who walks slowly with a camera at 1.1 to 1.75 m and looks from thing to thing."""
    height = float(rng.uniform(1.15, 1.7))
    space = FreeSpace(
        furnished.scene, furnished.room, _PERSON_RADIUS, (height - 0.1, 0.6, 0.3, 0.1)
    )
    path = _stroll(space, count, float(rng.uniform(0.15, 0.5)), rng)
    if path is None:
        return None
    things = [t for t in furnished.plan.placed if t.piece.parts[0][1] in SCANNET20_IDS]
    targets = [
        np.array([t.x, t.y, t.low + 0.6 * t.piece.size[2]])
        for t in (things[int(rng.integers(len(things)))] for _ in range(3 if things else 0))
    ] or [np.array([furnished.room.width / 2, furnished.room.depth / 2, 0.8])]
    # From one target to the next, at even intervals, as angles so that no turn is too fast.
    number = np.minimum(np.arange(count) * len(targets) // count, len(targets) - 1)
    bob = 0.008 * np.sin(2 * np.pi * 1.8 * np.arange(count) / FRAME_RATE)
    eyes = np.column_stack([path, height + bob]) + 0.006 * _tremor(count, 3, rng)
    way = np.stack(targets)[number] - eyes
    yaw = np.unwrap(np.arctan2(way[:, 1], way[:, 0]))
    pitch = np.arctan2(way[:, 2], np.maximum(np.hypot(way[:, 0], way[:, 1]), 0.8))
    angles = _smooth(np.column_stack([yaw, pitch]), 6.0)
    while np.abs(np.diff(angles[:, 0])).max(initial=0.0) > _FASTEST_TURN / FRAME_RATE:
        angles = _smooth(angles, 6.0)
    shake = _tremor(count, 3, rng) * (0.010, 0.010, 0.014)
    gazes = np.column_stack(
        [
            np.cos(angles[:, 0] + shake[:, 0]),
            np.sin(angles[:, 0] + shake[:, 0]),
            np.tan(np.clip(angles[:, 1] + shake[:, 1], -1.0, 0.5)),
        ]
    )
    roll = float(rng.normal(0, 0.02)) + shake[:, 2]
    return [
        look_at(eye, eye + gaze, float(r)) for eye, gaze, r in zip(eyes, gazes, roll, strict=True)
    ]


CARRIERS: dict[str, Callable[[FurnishedRoom, int, Generator], list[Pose] | None]] = {
    "hand": hand_held,
    "robot": robot_drive,
}


def image_motion(pose: Pose, following: Pose, focal: float) -> tuple[float, float]:
    """Pixels (u, v) by which the picture's middle moves from one frame to the next.

    Turning is what counts indoors; what moving forward adds is left out.
    """
    axis = pose[:3, :3].T @ following[:3, 2]
    return float(-focal * axis[0] / axis[2]), float(-focal * axis[1] / axis[2])


def _stroll(
    space: FreeSpace, count: int, speed: float, rng: Generator, tries: int = 30
) -> NDArray[np.float64] | None:
    """A smooth way [count, 2] at `speed` metres a second past free places, or standing still."""
    travelled: NDArray[np.float64] = np.arange(count, dtype=np.float64) * (speed / FRAME_RATE)
    for corners in [4] * tries + [1]:
        places = [space.draw(rng) for _ in range(corners)]
        line = np.stack([place for place in places if place is not None] or [np.zeros(2)])
        path = _smooth(_along(line, travelled), 8)
        if space.at(path).all():
            return path
    return None


def _along(line: NDArray[np.float64], distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places at distances along a polyline [n, 2], its end from there on."""
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=-1))])
    return np.column_stack([np.interp(distances, lengths, line[:, k]) for k in range(2)])


def _smooth(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Gaussian smoothing over frames, `sigma` in frames; columns independently."""
    size = 2 * round(3 * sigma) + 1
    result: NDArray[np.float64] = cv2.GaussianBlur(
        values, (1, size), sigmaX=1.0, sigmaY=sigma, borderType=cv2.BORDER_REPLICATE
    )
    return result.reshape(values.shape)


def _tremor(count: int, columns: int, rng: Generator) -> NDArray[np.float64]:
    """The unsteadiness of a hand: noise of about 2 Hz and unit size, [count, columns]."""
    noise = _smooth(rng.standard_normal((count, columns)), 2.0)
    return noise / max(float(noise.std()), 1e-9)
