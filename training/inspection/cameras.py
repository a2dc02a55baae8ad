# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The cameras of a scene as they are drawn: where they stand, what they see, which way is up."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Array, Intrinsics
from training.inspection.prepared_scene import InspectedScene

MAX_CAMERAS = 200
"""More of them hide each other and the scene."""
FRUSTUM_M = 0.25
"""Length of the drawn frustums."""
_SAME_WAY = 0.5
"""Length of the mean of the cameras' axes from which on they count as looking the same way."""


@dataclass(frozen=True, eq=False)
class ShownCamera:
    """One frame's camera.

    Attributes:
        number: of the frame in the scene, from 1.
        name: of the frame.
        shown: whether the frame itself is shown too.
        place: float64 (3,), metres, world.
        lines: float32 (L, 3): the frustum's edges as one line, NaN between its parts; without
            intrinsics the optical axis alone.
    """

    number: int
    name: str
    shown: bool
    place: npt.NDArray[np.float64]
    lines: Array


def shown_cameras(scene: InspectedScene, shown: Collection[int]) -> list[ShownCamera]:
    """Cameras of the frames with a pose: all that are shown, and others, evenly spread.

    Args:
        scene: of the frames.
        shown: positions of the frames that are shown.
    """
    chosen = sorted({*shown, *scene.spread(MAX_CAMERAS)})
    cameras = []
    for position in chosen:
        row = scene.rows[position]
        if row.pose is None:
            continue
        pose = np.array(row.pose, np.float64).reshape(4, 4)
        intrinsics = None if row.intrinsics is None else Intrinsics.from_row(row.intrinsics)
        cameras.append(
            ShownCamera(
                position + 1,
                row.frame,
                position in shown,
                pose[:3, 3],
                _frustum(pose, intrinsics),
            )
        )
    return cameras


def _frustum(pose: npt.NDArray[np.float64], intrinsics: Intrinsics | None) -> Array:
    gap = np.full(3, np.nan)
    if intrinsics is None:
        parts = [np.zeros(3), np.array([0, 0, FRUSTUM_M]), gap]
    else:
        left, right = ((u - intrinsics.cx) / intrinsics.fx for u in (-0.5, intrinsics.width - 0.5))
        top, bottom = ((v - intrinsics.cy) / intrinsics.fy for v in (-0.5, intrinsics.height - 0.5))
        a, b, c, d = (
            FRUSTUM_M * np.array([x, y, 1])
            for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))
        )
        # a little roof over the image's upper edge shows which way the picture is held
        roof = (a + b) / 2 + 0.35 * (a - d)
        eye = np.zeros(3)
        parts = [eye, a, b, c, d, a, gap, b, eye, c, gap, eye, d, gap, a, roof, b, gap]
    points = np.array(parts)
    world: Array = (points @ pose[:3, :3].T + pose[:3, 3]).astype(np.float32)
    return world


def up_direction(scene: InspectedScene) -> npt.NDArray[np.float64]:
    """Which way is up: the mean of what is up in the images; z where no pose is known.

    People and robots hold cameras upright, so this is near to the world's vertical axis; if one of
    the axes is within 15 degrees of it, that axis is taken.

    Returns:
        A unit vector, float64 (3,).
    """
    ups = [-np.array(row.pose).reshape(4, 4)[:3, 1] for row in scene.rows if row.pose is not None]
    mean = np.sum(ups, 0) if ups else np.array([0, 0, 1.0])
    length = float(np.linalg.norm(mean))
    if length < 1e-6:
        return np.array([0, 0, 1.0])
    mean = mean / length
    axis = int(np.abs(mean).argmax())
    if abs(mean[axis]) < np.cos(np.deg2rad(15)):
        return mean
    snapped = np.zeros(3)
    snapped[axis] = np.sign(mean[axis])
    return snapped


def ahead_direction(
    scene: InspectedScene, up: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64] | None:
    """Where the cameras look on average, level; None where they look all around.

    Args:
        scene: of the cameras.
        up: unit vector (3,).

    Returns:
        A unit vector, float64 (3,), at right angles to ``up``.
    """
    axes = [np.array(row.pose).reshape(4, 4)[:3, 2] for row in scene.rows if row.pose is not None]
    if not axes:
        return None
    mean = np.mean(axes, 0)
    level: npt.NDArray[np.float64] = mean - (mean @ up) * up
    length = float(np.linalg.norm(level))
    return level / length if length > _SAME_WAY else None
