# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Single views, chosen for what they show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.data.intrinsics import Intrinsics
from training.rendering.camera import look_at
from training.rendering.layout import FurnishedRoom
from training.rendering.nyu40 import NYU40, SCANNET20_IDS
from training.rendering.placement import Placed
from training.rendering.render import render_ground_truth

Pose = NDArray[np.float64]
PROBE = (32, 24)
"""Size of the little views that are rendered to choose by."""
CLOSE_SHARE = 0.25
"""Share of the views from close by."""
ACROSS_SHARE = 0.15
"""Share of the views over a table or counter at what is behind it."""
# What is no class of the benchmark is looked at less; pictures hang wherever one looks.
_WEIGHTS = {label: 0.25 for label in NYU40.values() if label not in SCANNET20_IDS}
_WEIGHTS[NYU40["picture"]] = 0.25
_TOPS = {NYU40[name] for name in ("table", "desk", "counter")}


def choose_views(furnished: FurnishedRoom, count: int, fov: float, rng: Generator) -> list[Pose]:
    """Camera-to-world poses that show something: no nose against a wall, several things in view.

    A quarter look at one thing from close by, where it fills the picture, some look over a table or
    counter at what is behind; of the others two thirds look at furniture, near or far, and the rest
    along the room. Heights are those of robots and of hand-held cameras.
    """
    views: list[Pose] = []
    probe = Intrinsics.from_fov(*PROBE, fov)
    for _ in range(count):
        best: tuple[float, Pose] | None = None
        kind = rng.random()
        close = bool(kind < CLOSE_SHARE)
        across = bool(CLOSE_SHARE <= kind < CLOSE_SHARE + ACROSS_SHARE)
        for _ in range(12):
            pose = view_across(furnished, rng) if across else None
            if pose is None:
                pose = _candidate(furnished, rng, close)
            score = interest(furnished, probe, pose)
            if best is None or score > best[0]:
                best = (score, pose)
            # The first good view is taken: the best of all would always be the same corner.
            if score >= (2.0 if close else 4.0):
                break
        assert best is not None
        views.append(best[1])
    return views


def _candidate(furnished: FurnishedRoom, rng: Generator, close: bool) -> Pose:
    room = furnished.room
    things = furnished.plan.placed
    height = float(rng.uniform(0.3, 1.0) if rng.random() < 0.35 else rng.uniform(1.0, 1.8))
    if things and (close or rng.random() < 0.65):
        thing = _one_of(things, rng)
        size = thing.piece.size
        target = np.array([thing.x, thing.y, thing.low + size[2] * rng.uniform(0.3, 1.1)])
        target[:2] += rng.normal(0, 0.25, 2)
        target[2] = min(target[2], 1.8)
        if close:
            # from the thing's front, whose own depth comes on top
            distance = float(rng.uniform(0.45, 1.3)) + size[1] / 2
        else:
            near = rng.random() < 0.3
            distance = float(rng.uniform(0.6, 2.2) if near else rng.uniform(1.5, 4.5))
        angle = thing.yaw - np.pi / 2 + rng.normal(0, 0.9)
        eye = np.array([target[0], target[1], 0.0]) + distance * np.array(
            [np.cos(angle), np.sin(angle), 0.0]
        )
    else:
        eye = np.array([rng.uniform(0, room.width), rng.uniform(0, room.depth), 0.0])
        target = np.array(
            [rng.uniform(0, room.width), rng.uniform(0, room.depth), rng.uniform(0.0, 1.7)]
        )
    eye[:2] = np.clip(eye[:2], 0.3, np.array([room.width, room.depth]) - 0.3)
    eye[2] = height
    if np.linalg.norm(target[:2] - eye[:2]) < 0.3:
        target[:2] += (0.4, 0.3)
    return look_at(eye, target, float(rng.normal(0, 0.05)))


def _one_of(things: Sequence[Placed], rng: Generator) -> Placed:
    """By class first, so that the one counter is looked at as often as six chairs together."""
    labels = sorted({label for thing in things for _, label in thing.piece.parts})
    weight = np.array([_WEIGHTS.get(label, 1.0) for label in labels])
    wanted = labels[int(rng.choice(len(labels), p=weight / weight.sum()))]
    with_it = [t for t in things if any(label == wanted for _, label in t.piece.parts)]
    return with_it[int(rng.integers(len(with_it)))]


def view_across(furnished: FurnishedRoom, rng: Generator) -> Pose | None:
    """From behind a table, desk or counter over its top; None where the room has none.

    Its top fills the lower part of the picture, as for a person who sits or stands at it.
    """
    tops = [
        thing
        for thing in furnished.plan.placed
        if thing.low == 0.0
        and 0.4 < thing.piece.size[2] < 1.0
        and any(label in _TOPS for _, label in thing.piece.parts)
    ]
    if not tops:
        return None
    top = tops[int(rng.integers(len(tops)))]
    others = [thing for thing in furnished.plan.placed if thing is not top]
    if not others:
        return None
    target = _one_of(others, rng)
    at, middle = np.array([target.x, target.y]), np.array([top.x, top.y])
    away = middle - at
    if np.linalg.norm(away) < 0.3:
        return None
    away /= np.linalg.norm(away)
    # How far the top reaches towards the camera, seen from its middle.
    c, s = np.cos(top.yaw), np.sin(top.yaw)
    right, forward = abs(c * away[0] + s * away[1]), abs(s * away[0] - c * away[1])
    reach = min(
        top.piece.size[0] / 2 / max(right, 1e-6), top.piece.size[1] / 2 / max(forward, 1e-6)
    )
    eye = np.append(middle + away * (reach + rng.uniform(-0.1, 0.4)), rng.uniform(1.05, 1.75))
    eye[:2] = np.clip(eye[:2], 0.2, np.array([furnished.room.width, furnished.room.depth]) - 0.2)
    look = np.append(at, target.low + target.piece.size[2] * rng.uniform(0.2, 0.9))
    look[2] = min(look[2], 1.5)
    return look_at(eye, look, float(rng.normal(0, 0.08)))


def interest(furnished: FurnishedRoom, probe: Intrinsics, pose: Pose) -> float:
    """Number of instances that fill at least 1.5 % of the view; less for bare walls."""
    truth = render_ground_truth(furnished.scene, probe, pose)
    seen = truth.depth[truth.depth > 0]
    if len(seen) < 0.95 * truth.depth.size or (seen < 0.35).mean() > 0.06:
        return -1.0
    if np.median(seen) < 0.45:
        return 0.0
    labels, counts = np.unique(truth.label, return_counts=True)
    if counts.max() > 0.85 * truth.label.size:
        return 0.5
    _, pixels = np.unique(truth.instance, return_counts=True)
    shell = np.isin(truth.label, (NYU40["wall"], NYU40["floor"], NYU40["ceiling"])).mean()
    things = float(min((pixels > 0.015 * truth.instance.size).sum(), len(labels) + 1))
    return things - 5.0 * max(float(shell) - 0.6, 0.0)
