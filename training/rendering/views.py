# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Single views, chosen for what they show."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.rendering.camera import Intrinsics, look_at
from training.rendering.layout import FurnishedRoom
from training.rendering.nyu40 import NYU40, SCANNET20_IDS
from training.rendering.render import render_ground_truth

Pose = NDArray[np.float64]
PROBE = (32, 24)
"""Size of the little views that are rendered to choose by."""
CLOSE_SHARE = 0.25
"""Share of the views from close by."""
# What is no class of the benchmark is looked at less; pictures hang wherever one looks.
_WEIGHTS = {label: 0.25 for label in NYU40.values() if label not in SCANNET20_IDS}
_WEIGHTS[NYU40["picture"]] = 0.25


def choose_views(furnished: FurnishedRoom, count: int, fov: float, rng: Generator) -> list[Pose]:
    """Camera-to-world poses that show something: no nose against a wall, several things in view.

    A quarter look at one thing from close by, where it fills the picture; of the others two thirds
    look at furniture, near or far, and the rest along the room. Heights are those of robots and of
    hand-held cameras.
    """
    views: list[Pose] = []
    probe = Intrinsics.from_fov(*PROBE, fov)
    for _ in range(count):
        best: tuple[float, Pose] | None = None
        close = bool(rng.random() < CLOSE_SHARE)
        for _ in range(12):
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
        # By class first, so that the one counter is looked at as often as the six chairs together.
        labels = sorted({label for thing in things for _, label in thing.piece.parts})
        weight = np.array([_WEIGHTS.get(label, 1.0) for label in labels])
        wanted = labels[int(rng.choice(len(labels), p=weight / weight.sum()))]
        with_it = [t for t in things if any(label == wanted for _, label in t.piece.parts)]
        thing = with_it[int(rng.integers(len(with_it)))]
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
