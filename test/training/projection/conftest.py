# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Rooms made in code, their scans and views, and a prepared data set of walls."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from training.data.intrinsics import Intrinsics
from training.data.manifest import ManifestRow, ScanRow, write_manifest, write_scans
from training.data.scan import Scan, write_ply
from training.projection.projected_scene import project_scene
from training.projection.scene_projection import ProjectionRule

FOV = 1.08
FRAME_CAMERA = Intrinsics.from_fov(96, 72, 1.2)
WALL_M, PANEL_M = 3.0, 2.2


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


def rectangle(width, height, z, step):
    """Points and faces of a rectangle about the z axis."""
    x, y = np.meshgrid(
        np.arange(-width / 2, width / 2 + 1e-6, step), np.arange(-height / 2, height / 2, step)
    )
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, z)], -1).astype(np.float32)
    number = np.arange(x.size).reshape(x.shape)
    corners = (number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:])
    a, b, c, d = (corner.ravel() for corner in corners)
    return points, np.concatenate([np.stack([a, b, c], -1), np.stack([b, d, c], -1)])


def wall_with_panel(faces=True):
    wall, wall_faces = rectangle(4.4, 3.4, WALL_M, 0.08)
    panel, panel_faces = rectangle(0.8, 0.6, PANEL_M, 0.05)
    points = np.concatenate([wall, panel])
    labels = np.repeat([1, 5], [len(wall), len(panel)]).astype(np.uint16)
    all_faces = np.concatenate([wall_faces, panel_faces + len(wall)]).astype(np.int32)
    return Scan(points, np.zeros_like(points, np.uint8), labels, None, all_faces if faces else None)


def write_frame(folder, number, *, depth=True):
    """A frame of a camera that has moved a little; a row of the manifest."""
    shift = 0.05 * number
    x = FRAME_CAMERA.rays().reshape(72, 96, 3) * PANEL_M + [shift, 0, 0]
    on_panel = (np.abs(x[..., 0]) < 0.4) & (np.abs(x[..., 1]) < 0.3)
    image = np.where(on_panel[..., None], (40, 80, 160), (200, 200, 190)).astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / f"{number}.png"), image)
    metres = np.where(on_panel, PANEL_M, WALL_M)
    if depth:
        cv2.imwrite(str(folder / f"depth{number}.png"), (metres * 1000).astype(np.uint16))
    pose = np.eye(4)
    pose[0, 3] = shift
    scene = folder.name
    return ManifestRow(
        *(f"{scene}/{number}.png", None, scene, "train" if scene < "d" else "val", None),
        depth=f"{scene}/depth{number}.png" if depth else None,
        pose=pose.ravel().tolist(),
        intrinsics=FRAME_CAMERA.row(),
    )


@pytest.fixture
def prepared(tmp_path, repository):
    """A prepared data set of three scenes: with depth, without it, and with a bare cloud."""
    folder = tmp_path / "prepared"
    rows = [write_frame(folder / "a", k) for k in range(3)]
    rows += [write_frame(folder / "b", k, depth=False) for k in range(2)]
    rows += [write_frame(folder / "d", k, depth=k == 0) for k in range(2)]
    write_manifest(folder, rows)
    for scene, faces in (("a", True), ("b", True), ("d", False)):
        write_ply(folder / f"{scene}.ply", wall_with_panel(faces))
    write_scans(folder, [ScanRow(s, "train", "ply", f"{s}.ply") for s in "abd"])
    shutil.copy(repository / "config/labels/scannet20.yaml", folder / "label_space.yaml")
    (folder / "dataset.yaml").write_text(yaml.safe_dump({"label_source": "nyu40"}))
    return folder


@pytest.fixture(scope="session")
def room():
    """The scan of the prepared scenes: a wall with a panel before it."""
    return wall_with_panel


@pytest.fixture(scope="session")
def rewrite():
    """Change a line of the manifest."""

    def change(folder, scene, frame, **changes):
        path = folder / "manifest.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            if line["image"] == f"{scene}/{frame}.png":
                line.update(changes)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    return change


@pytest.fixture(scope="session")
def contents():
    """The files below a folder by their names."""

    def read(folder):
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return read


@pytest.fixture
def projected_again(monkeypatch):
    """Scenes that a run projects."""

    def run(prepared, out, rule=None, **options):
        from training.projection import project_scenes as module

        scenes = []

        def noted(job):
            scenes.append(job.scene)
            return project_scene(job)

        with monkeypatch.context() as patch:
            patch.setattr(module, "project_scene", noted)
            module.project_scenes(prepared, out, rule or ProjectionRule(), **options)
        return scenes

    return run
