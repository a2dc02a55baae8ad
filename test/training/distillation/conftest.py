# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Prepared data sets: boxes with measured depth; a wall and a panel with points and features.

And scenes for pools of features.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import yaml

from training.data.intrinsics import Intrinsics
from training.data.manifest import ManifestRow, ScanRow, write_manifest, write_scans

COLOR = Intrinsics(96, 64, 80.0, 80.0, 47.5, 31.5)
DEPTH = Intrinsics(48, 36, 42.0, 42.0, 23.5, 17.5)
BASELINE_M = 0.03


def wall_and_box(intrinsics, eye_x, box):
    """Depth and label of a wall at 4 m with a box of 1 m before it, seen from `eye_x`, looking z.

    Args:
        intrinsics: of the camera.
        eye_x: where it stands, metres.
        box: left, right, top, bottom and depth of the box's front, metres.
    """
    left, right, top, bottom, near = box
    v, u = np.mgrid[: intrinsics.height, : intrinsics.width]
    x = (u - intrinsics.cx) / intrinsics.fx
    y = (v - intrinsics.cy) / intrinsics.fy
    hit = (eye_x + x * near > left) & (eye_x + x * near < right)
    hit &= (y * near > top) & (y * near < bottom)
    depth = np.where(hit, near, 4.0)
    floor = (y > 0.05) & (1.0 / np.maximum(y, 1e-6) < depth)  # the floor is 1 m below the camera
    depth = np.where(floor, 1.0 / np.maximum(y, 1e-6), depth)
    return depth, np.where(floor, 1, np.where(hit, 2, 0)).astype(np.uint8)


def write_prepared(folder, repository, counts, seed=0):
    """A manifest with images, classes of scannet20 (0 wall, 1 floor, 2 cabinet) and depth."""
    rng = np.random.default_rng(seed)
    rows = []
    folder.mkdir(parents=True)
    shutil.copy(repository / "config/labels/scannet20.yaml", folder / "label_space.yaml")
    for split, count in counts.items():
        for number in range(count):
            name = f"{split}{number}"
            box_left = rng.uniform(-0.8, 0.2)
            box = (box_left, box_left + 0.7, -0.5, 2.0, rng.uniform(1.8, 3.0))
            truth, label = wall_and_box(COLOR, 0.0, box)
            measured, _ = wall_and_box(DEPTH, BASELINE_M, box)
            grey = np.array([200, 90, 140])[label] - 20 * truth
            image = np.clip(grey[..., None] + rng.normal(0, 4, (64, 96, 3)), 0, 255)
            cv2.imwrite(str(folder / f"{name}.png"), image.astype(np.uint8))
            cv2.imwrite(str(folder / f"{name}_label.png"), label)
            millimetres = np.rint(measured * 1000).astype(np.uint16)
            millimetres[:2] = 0  # as at the border of real depth images
            cv2.imwrite(str(folder / f"{name}_depth.png"), millimetres)
            motion = np.eye(4)
            motion[0, 3] = BASELINE_M
            rows.append(
                ManifestRow(
                    f"{name}.png",
                    f"{name}_label.png",
                    f"scene_{split}",
                    split,
                    None,
                    depth=f"{name}_depth.png",
                    pose=np.eye(4).ravel().tolist(),
                    intrinsics=COLOR.row(),
                    depth_intrinsics=DEPTH.row(),
                    depth_to_color=motion.ravel().tolist(),
                )
            )
    write_manifest(folder, rows)
    return folder


@pytest.fixture
def prepared(tmp_path, repository):
    return write_prepared(tmp_path / "prepared", repository, {"train": 6, "val": 2})


WIDTH = 6
WALL_M, PANEL_M = 3.0, 2.2
SCENES = {"hall": "train", "kitchen": "train", "office": "val"}


@dataclass(frozen=True)
class PairedRooms:
    """Folders of the data set, of what `project` writes, and of features."""

    root: Path
    visible: Path
    features: Path


def rectangle(width, height, z, step):
    x, y = np.meshgrid(
        np.arange(-width / 2, width / 2, step), np.arange(-height / 2, height / 2, step)
    )
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, z)], -1).astype(np.float32)


def features_of(points, labels):
    """What a point is of, in four ways, and two channels of noise; from 0 up."""
    rng = np.random.default_rng(0)
    panel = (labels == 5).astype(np.float64)
    noise = 0.2 * rng.uniform(0, 1, (len(points), 2))
    ways = np.stack([2 * panel, 1 - panel, points[:, 2] / 4, panel], 1)
    return np.concatenate([ways, noise], 1).astype(np.float16)


@pytest.fixture(scope="session")
def paired_rooms(tmp_path_factory, repository):
    pytest.importorskip("trimesh")
    from seg3d2d_ros.labels import LabelSpace
    from training.data.scan import Scan, write_ply
    from training.points.features.features_description import FeaturesDescription
    from training.points.features.features_writer import (
        start_folder,
        write_scene,
        write_statistics,
    )
    from training.points.features.moments import Moments, merge_all
    from training.projection.project_scenes import project_scenes
    from training.projection.scene_file import points_sha256
    from training.projection.scene_projection import ProjectionRule

    folder = tmp_path_factory.mktemp("paired")
    root, features = folder / "prepared", folder / "features"
    camera = Intrinsics.from_fov(129, 97, 1.2)
    space = repository / "config/labels/scannet20.yaml"
    wall, panel = rectangle(4.4, 3.4, WALL_M, 0.05), rectangle(0.8, 0.6, PANEL_M, 0.03)
    points = np.concatenate([wall, panel])
    labels = np.repeat([1, 5], [len(wall), len(panel)]).astype(np.uint16)
    rows, moments = [], []
    classes = LabelSpace.load(space)
    weight = np.random.default_rng(1).normal(0, 1, (classes.num_classes, WIDTH)).astype(np.float32)
    bias = np.zeros(classes.num_classes, np.float32)
    start_folder(features, FeaturesDescription(WIDTH, "places of points"), classes, weight, bias)
    for number, (scene, split) in enumerate(SCENES.items()):
        (root / scene).mkdir(parents=True)
        moved = points + np.float32([0, 0, 0.01 * number])
        colors = np.full((len(points), 3), 100, np.uint8)
        write_ply(root / f"{scene}.ply", Scan(moved, colors, labels))
        values = features_of(moved, labels)
        write_scene(features, scene, values, points_sha256(moved))
        if split == "train":
            moments.append(Moments.of(values))
        for k in range(3):
            rows.append(_frame(root / scene, k, camera, number, split))
    write_statistics(features, merge_all(moments, WIDTH))
    write_manifest(root, [ManifestRow(**row) for row in rows])
    write_scans(root, [ScanRow(s, split, "ply", f"{s}.ply") for s, split in SCENES.items()])
    shutil.copy(space, root / "label_space.yaml")
    (root / "dataset.yaml").write_text(yaml.safe_dump({"label_source": "nyu40"}))
    project_scenes(root, root / "visible_points", ProjectionRule())
    return PairedRooms(root, root / "visible_points", features)


@pytest.fixture
def experiment(experiment, paired_rooms):
    """Mapping of an experiment on them that trains in a second, of a student without a branch."""
    experiment["label_space"] = str(paired_rooms.root / "label_space.yaml")
    experiment["data"] = {"root": str(paired_rooms.root)}
    experiment["input"] = {"height": 96, "width": 128}
    experiment["training"] |= {"crop": [64, 96], "precision": "fp32"}
    experiment["training"] |= {"log_every": 1, "evaluate_every": 0}
    experiment["distillation"] = {}
    return experiment


@pytest.fixture
def distilled(experiment, paired_rooms):
    """Of a student with a branch, which learns from their features."""
    branch = {"feature_width": WIDTH, "hidden": 16, "width_2d": 12}
    experiment["network"]["config"]["branch"] = branch
    experiment["distillation"] = {"features": [str(paired_rooms.features)]}
    return experiment


def _frame(folder, k, camera, number, split):
    """A frame of a camera that has moved a little; a row of the manifest."""
    shift = 0.05 * k
    panel_m, wall_m = PANEL_M + 0.01 * number, WALL_M + 0.01 * number
    rays = camera.rays().reshape(camera.height, camera.width, 3)
    x = rays * panel_m + [shift, 0, 0]
    on_panel = (np.abs(x[..., 0]) < 0.4) & (np.abs(x[..., 1]) < 0.3)
    rng = np.random.default_rng([number, k])
    image = np.where(on_panel[..., None], (40, 80, 160), (200, 200, 190))
    image = np.clip(image + rng.normal(0, 5, image.shape), 0, 255).astype(np.uint8)
    cv2.imwrite(str(folder / f"{k}.png"), image)
    cv2.imwrite(str(folder / f"label{k}.png"), np.where(on_panel, 5, 1).astype(np.uint8))
    metres = np.where(on_panel, panel_m, wall_m)
    cv2.imwrite(str(folder / f"depth{k}.png"), np.rint(metres * 1000).astype(np.uint16))
    pose = np.eye(4)
    pose[0, 3] = shift
    scene = folder.name
    return {
        "image": f"{scene}/{k}.png",
        "label": f"{scene}/label{k}.png",
        "scene": scene,
        "split": split,
        "sha256": None,
        "depth": f"{scene}/depth{k}.png",
        "pose": pose.ravel().tolist(),
        "intrinsics": camera.row(),
    }


POOL_WIDTH = 3
POOL_POINTS = {"kitchen": 300, "hall": 200, "bath": 100}


@pytest.fixture
def pool_space():
    from seg3d2d_ros.labels import LabelClass, LabelSpace

    names = ["wall", "floor", "table", "sink"]
    return LabelSpace("four", tuple(LabelClass(k, n, (k, 0, 0)) for k, n in enumerate(names)))


@pytest.fixture
def pool_data(tmp_path, pool_space):
    """Scenes whose features say where they are from: class, scene and point."""
    pytest.importorskip("trimesh")
    from training.data.scan import Scan, write_ply
    from training.points.features.features_description import FeaturesDescription
    from training.points.features.features_writer import start_folder, write_scene
    from training.projection.scene_file import points_sha256

    prepared, folder = tmp_path / "prepared", tmp_path / "features"
    prepared.mkdir()
    description = FeaturesDescription(POOL_WIDTH, "numbers that say where they are from")
    start_folder(folder, description, pool_space, np.zeros((4, POOL_WIDTH)), np.zeros(4))
    rows, scans = [], {}
    for number, (scene, points) in enumerate(POOL_POINTS.items()):
        rng = np.random.default_rng(number)
        # no sinks; tables in the kitchen alone
        labels = rng.choice([0, 0, 0, 1, 2 if scene == "kitchen" else 1, 255], points)
        scan = Scan(
            rng.uniform(0, 3, (points, 3)).astype(np.float32),
            rng.integers(1, 256, (points, 3), np.uint8),
            labels.astype(np.uint16),
        )
        write_ply(prepared / f"{scene}.ply", scan)
        features = np.stack([labels, np.full(points, number), np.arange(points)], 1)
        write_scene(folder, scene, features.astype(np.float16), points_sha256(scan.points))
        rows.append({"scene": scene, "split": "train", "format": "ply", "path": f"{scene}.ply"})
        scans[scene] = scan
    (prepared / "scans.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (prepared / "label_space.yaml").write_text(yaml.safe_dump(pool_space.to_mapping()))
    return SimpleNamespace(folder=folder, prepared=prepared, scans=scans)


@pytest.fixture
def new_source(pool_data, pool_space):
    from training.distillation.pool_source import PoolSource
    from training.points.features.features_folder import PointFeatures
    from training.points.scenes import LabelledScenes

    def new(**settings):
        scenes = LabelledScenes(pool_data.prepared, "train", pool_space, memory=0)
        settings = {"width": POOL_WIDTH, "per_class": 1000} | settings
        return PoolSource(PointFeatures(pool_data.folder), scenes, 4, **settings)

    return new


@pytest.fixture
def new_pool(new_source):
    return lambda **settings: new_source(**settings).read()
