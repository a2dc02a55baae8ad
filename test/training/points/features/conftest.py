# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Small scans, and folders of features that no network gave."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from seg3d2d_ros.labels import LabelClass, LabelSpace
from training.data.manifest import ScanRow, write_scans
from training.data.scan import Scan, write_ply
from training.points.features.features_description import FeaturesDescription
from training.points.features.features_writer import start_folder, write_scene, write_statistics
from training.points.features.moments import Moments, merge_all
from training.projection.scene_file import points_sha256

WIDTH = 6
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
