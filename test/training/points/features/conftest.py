# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Small scans, networks with random weights, and folders of features that no network gave."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from seg3d2d_ros.labels import LabelClass, LabelSpace
from training.data.manifest import ScanRow, write_scans
from training.data.scan import Scan, write_ply
from training.points.features.features_description import FeaturesDescription
from training.points.features.features_writer import start_folder, write_scene, write_statistics
from training.points.features.moments import Moments, merge_all
from training.projection.scene_file import points_sha256

WIDTH = 6
TEACHER_CONFIG = {"in_channels": 3, "conv1_kernel_size": 3}
ROOMS = {"room0": "train", "area/room1": "train", "room2": "val"}
SCENES = {"kitchen": 300, "area/hall": 200}


@pytest.fixture
def space():
    return LabelSpace(
        "three", tuple(LabelClass(k, name, (k, 0, 0)) for k, name in enumerate(["a", "b", "c"]))
    )


def scan_of(points, rng):
    return Scan(
        rng.uniform(0, 3, (points, 3)).astype(np.float32),
        rng.integers(1, 256, (points, 3), np.uint8),
        rng.integers(0, 4, points).astype(np.uint16),
    )


@pytest.fixture
def features_folder(tmp_path, space):
    """A whole folder of two scenes, and all that went into it."""
    rng = np.random.default_rng(5)
    folder, prepared = tmp_path / "features", tmp_path / "prepared"
    weight = rng.normal(0, 1, (3, WIDTH)).astype(np.float32)
    bias = rng.normal(0, 1, 3).astype(np.float32)
    start_folder(folder, FeaturesDescription(WIDTH, "random numbers"), space, weight, bias)
    rows, scans, features = [], {}, {}
    for scene, points in SCENES.items():
        scans[scene] = scan_of(points, rng)
        features[scene] = rng.normal(1, 2, (points, WIDTH)).astype(np.float16)
        write_scene(folder, scene, features[scene], points_sha256(scans[scene].points))
        path = prepared / f"{scene}.ply"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_ply(path, scans[scene])
        rows.append(ScanRow(scene, "train", "ply", f"{scene}.ply"))
    write_scans(prepared, rows)
    write_statistics(folder, merge_all(map(Moments.of, features.values()), WIDTH))
    return SimpleNamespace(
        folder=folder,
        prepared=prepared,
        rows=rows,
        scans=scans,
        features=features,
        weight=weight,
        bias=bias,
    )


@pytest.fixture(scope="session")
def scannet20(repository):
    return LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")


@pytest.fixture(scope="session")
def save_teacher():
    """A function that saves a model with random weights."""
    torch = pytest.importorskip("torch")
    from training.points.networks.registry import build_point_network
    from training.points.point_model import save_point_model

    def save(folder, space, seed, change=None, config=TEACHER_CONFIG, **sampling):
        torch.manual_seed(seed)
        network = build_point_network("res16unet14a", TEACHER_CONFIG, space.num_classes)
        if change is not None:
            change(network)
        save_point_model(
            folder,
            network,
            space,
            network_name="res16unet14a",
            config=config,
            sampling={"voxel_size": 0.1} | sampling,
            licence="CC0-1.0",
            source="random weights",
        )
        return folder

    return save


@pytest.fixture(scope="session")
def teacher(save_teacher, scannet20, tmp_path_factory):
    return save_teacher(tmp_path_factory.mktemp("model") / "teacher", scannet20, 1)


def room_of(seed, points=400):
    """A floor (nyu40 id 2) and a wall (1), some points without a class."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 2, (points, 3))
    floor = np.arange(points) % 2 == 0
    places[floor, 2], places[~floor, 1] = 0, 0
    labels = np.where(floor, 2, 1).astype(np.uint16)
    labels[::9] = 0
    colors = rng.integers(1, 256, (points, 3), np.uint8)
    return Scan(places.astype(np.float32), colors, labels)


@pytest.fixture
def make_room():
    return room_of


@pytest.fixture
def write_rooms(tmp_path, scannet20):
    """A function that prepares a data set of scans, given with their split by scene."""
    folder = tmp_path / "prepared"

    def write(scans):
        rows = []
        for scene, (split, scan) in scans.items():
            path = folder / "scans" / f"{scene}.ply"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_ply(path, scan)
            rows.append(ScanRow(scene, split, "ply", f"scans/{scene}.ply"))
        write_scans(folder, rows)
        (folder / "label_space.yaml").write_text(yaml.safe_dump(scannet20.to_mapping()))
        (folder / "dataset.yaml").write_text("dataset: scannet\nlabel_source: nyu40\n")
        return folder

    return write


@pytest.fixture
def rooms(write_rooms):
    """A prepared data set of three rooms."""
    return write_rooms(
        {scene: (split, room_of(seed)) for seed, (scene, split) in enumerate(ROOMS.items())}
    )


@pytest.fixture
def files_of():
    """A function: content by name of all files of a folder."""
    return lambda folder: {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
