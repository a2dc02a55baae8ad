# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Panoramas: equirectangular pictures from the middle of each room.

``images/<part>/<scene>.jpg`` is the picture (512x1024 as published) and
``annotations/<part>/<scene>.png`` its classes: 0 to 29, 0 where a surface has none. The published
code reads the part ``training``.

The camera stands in the middle of the room's volume, at voxel ((X, Y, Z) - 1) / 2. The middle of
the picture looks along the volume's first axis, the second one is on the right, the third one is
up, as in the published renderer, which the panoramas are compared with in distillation. That
renderer puts the first and the last column (row) on the picture's edge, so it is up to half a pixel
off
:class:`~training.data.equirectangular.EquirectangularCamera`.
"""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.data.panorooms.rooms import AXES, VOXEL_M

IMAGES, ANNOTATIONS = "images", "annotations"


@dataclass(frozen=True)
class PanoramaFiles:
    """A scene's picture and classes; whether they are there is not said."""

    image: Path
    label: Path


def find_panorama(folder: Path, scene: str) -> PanoramaFiles | None:
    """The scene's panorama in whichever part it or its half lies; None where there is none."""
    for kind, suffix in ((ANNOTATIONS, ".png"), (IMAGES, ".jpg")):
        for path in sorted((folder / kind).glob(f"*/{glob.escape(scene)}{suffix}")):
            part = path.parent.name
            return PanoramaFiles(
                folder / IMAGES / part / f"{scene}.jpg",
                folder / ANNOTATIONS / part / f"{scene}.png",
            )
    return None


def panorama_pose(shape: tuple[int, int, int]) -> npt.NDArray[np.float64]:
    """The panorama camera's pose in the frame of the room's surface points.

    Args:
        shape: of the room's volume.

    Returns:
        Camera to room, 4x4, metres, optical frame (z forward, x right, y down); see
        :func:`training.data.panorooms.surface.read_surface`.
    """
    axes = np.eye(3)[list(AXES)]  # of the volume, as columns in the room's frame
    forward, right, up = axes.T
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2] = right, -up, forward
    pose[:3, 3] = axes @ ((np.array(shape) - 1) / 2 * VOXEL_M)
    return pose
