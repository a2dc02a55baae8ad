# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A room's surface as points."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data.panorooms.rooms import AXES, FREE, TRUNCATION_VOXELS, VOXEL_M, read_room
from training.data.scan import Scan

NEAR = -FREE / TRUNCATION_VOXELS / 2
"""Distance of half a voxel: of a plane along the axes, one layer of voxels is as near."""


def read_surface(path: Path) -> Scan:
    """The voxels within half a voxel of a surface.

    Points are in metres in the room's right-handed frame (z up) from voxel (0, 0, 0); labels are
    classes of PanoRooms3D, 0 for none.

    Raises:
        DefectError: if the room's file is missing or damaged.
    """
    room = read_room(path)
    near = np.abs(room.sdf) <= NEAR
    points = (np.argwhere(near)[:, list(AXES)] * VOXEL_M).astype(np.float32)
    colors = np.rint((room.colors[near] + 1) * 127.5).astype(np.uint8)
    return Scan(points, colors, room.labels[near].astype(np.uint16))
