# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Rooms made in code, their scans and views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from training.data.intrinsics import Intrinsics
from training.data.scan import Scan

FOV = 1.08


@dataclass(frozen=True, eq=False)
class ScannedRoom:
    """A room, its scan, and poses from which it is looked at."""

    scene: Any
    scan: Scan
    poses: list[Any]

    def truth(self, size, pose):
        """Depth (to the millimetre, as files have it) and labels of an image."""
        from training.rendering.render import render_ground_truth

        truth = render_ground_truth(self.scene, camera(size), pose)
        return (np.rint(truth.depth * 1000) / 1000).astype(np.float32), truth.label

    def behind_first_surface(self, points, pose):
        """How far points lie behind the first true surface on their ray, metres."""
        eye = pose[:3, 3].astype(np.float32)
        ways = points - eye
        hits = self.scene.cast(np.broadcast_to(eye, ways.shape), ways)
        return (1 - np.minimum(hits.distance, 1)) * np.linalg.norm(ways, axis=1)


def camera(size, fov=FOV):
    return Intrinsics.from_fov(*size, fov)


@pytest.fixture(scope="session")
def scanned_rooms():
    pytest.importorskip("open3d")
    pytest.importorskip("trimesh")
    from training.rendering.layout import furnish
    from training.rendering.scan import scan_room
    from training.rendering.views import choose_views

    rooms = []
    for kind, seed in (("kitchen", 2), ("living_room", 3), ("bathroom", 5), ("dining_room", 6)):
        furnished = furnish(kind, None, np.random.default_rng(seed))
        mesh = scan_room(furnished, np.random.default_rng(0))
        scan = Scan(mesh.vertices, mesh.colors, mesh.labels, mesh.instances, mesh.faces)
        poses = choose_views(furnished, 3, FOV, np.random.default_rng(seed + 100))
        rooms.append(ScannedRoom(furnished.scene, scan, poses))
    return rooms
