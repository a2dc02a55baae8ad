# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Tiny rooms in a prepared folder, and an experiment that trains on them in a second."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

from training.data.scan import Scan, write_ply

CLASSES = [
    {"id": 0, "name": "floor", "color": [40, 60, 90]},
    {"id": 1, "name": "wall", "color": [220, 210, 200]},
    {"id": 2, "name": "table", "color": [150, 90, 40]},
]
NO_CLASS = 255


def room(seed, points=200):
    """A scan of a room of about 5 x 5 m: floor, two walls, a table, some points without a class."""
    rng = np.random.default_rng(seed)
    side = rng.uniform(4.5, 5.5)
    u, v = rng.uniform(0, side, (2, points))
    label = rng.choice([0, 1, 1, 2], points).astype(np.uint16)
    zeros = np.zeros(points)
    floor = np.stack([u, v, zeros], 1)
    wall = np.where(
        (u > v)[:, None], np.stack([u, zeros, v / 2], 1), np.stack([zeros, v, u / 2], 1)
    )
    table = np.stack([1 + u / 3, 1 + v / 4, zeros + 0.75], 1)
    xyz = np.choose(label[:, None], [floor, wall, table])
    color = np.array([entry["color"] for entry in CLASSES])[label]
    color = np.clip(color + rng.normal(0, 8, color.shape), 0, 255)
    label[rng.random(points) < 0.05] = NO_CLASS
    return Scan(xyz.astype(np.float32), color.astype(np.uint8), label)


def write_prepared(folder, splits):
    """A prepared folder, from scans by scene by split."""
    (folder / "scenes").mkdir(parents=True)
    rows = []
    for split, scans in splits.items():
        for scene, scan in scans.items():
            path = f"scenes/{scene}.ply"
            write_ply(folder / path, scan)
            rows.append({"scene": scene, "split": split, "format": "ply", "path": path})
    (folder / "scans.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    space = {"name": "tiny", "classes": CLASSES}
    (folder / "label_space.yaml").write_text(yaml.safe_dump(space))
    return folder


@pytest.fixture
def prepare(tmp_path):
    """Makes a prepared folder of scans by scene by split."""
    return lambda splits: write_prepared(tmp_path / "prepared", splits)


@pytest.fixture
def prepared(tmp_path):
    """A prepared folder of three train scenes and one val scene."""
    splits = {
        "train": {f"room{k}": room(k) for k in range(3)},
        "val": {"room3": room(3)},
    }
    return write_prepared(tmp_path / "prepared", splits)


@pytest.fixture
def point_experiment(prepared):
    """Mapping of an experiment with Res16UNet14A."""
    return {
        "name": "tiny",
        "label_space": str(prepared / "label_space.yaml"),
        "data": {"root": str(prepared)},
        "network": {
            "name": "res16unet14a",
            "config": {"conv1_kernel_size": 3, "bn_momentum": 0.2},
            "sampling": {"voxel_size": 0.2},
        },
        "training": {
            "steps": 3,
            "batch": 2,
            "learning_rate": 0.05,
            "threads": 1,
            "ema": 0.9,
            "checkpoint_every": 2,
            "evaluate_every": 2,
        },
    }


@pytest.fixture
def block_experiment(point_experiment):
    """The same with PointWeb."""
    point_experiment["network"] = {
        "name": "pointweb",
        "config": {"centroids": [32, 32, 32, 3]},
        "sampling": {"block_size": 8.0, "stride": 8.0, "num_points": 64, "min_points": 32},
    }
    point_experiment["augmentation"] = {"dropout": 0.0}
    return point_experiment
