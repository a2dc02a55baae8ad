# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A tiny data set in PanoRooms3D's layout."""

import cv2
import numpy as np
import pytest


@pytest.fixture
def room_arrays():
    rng = np.random.default_rng(0)
    shape = (6, 5, 4)
    tsdf = rng.uniform(-1, 1, shape).astype(np.float32)
    tsdf[0] = 1
    return {
        "sdf128": tsdf,
        "color128": rng.integers(0, 1 << 24, shape).astype(np.float32),
        "semanticlabel": rng.integers(0, 99, shape).astype(np.uint8),
    }


@pytest.fixture
def block_arrays():
    return {
        "targetsdf128loc": np.array([[0, 1, 2], [127, 3, 4]], np.int32),
        "targetsdf128": np.array([-2.5, 1.0], np.float32),
        "targetsdf128color": np.array([[0, 0.5, 1], [0.25, 1, 0]], np.float32),
        "semanticlabel": np.array([17, 0], np.uint8),
    }


@pytest.fixture
def root(tmp_path, room_arrays, block_arrays):
    """Two scenes of the train list, one of the test list."""
    folder = tmp_path / "panorooms"
    rng = np.random.default_rng(1)
    for path in ("rooms", "blocks", "panoramas/images/training", "panoramas/annotations/training"):
        (folder / path).mkdir(parents=True)
    for scene in ("a_1", "a_12", "b_0"):
        np.savez_compressed(folder / f"rooms/{scene}.npz", **room_arrays)
        np.savez_compressed(folder / f"blocks/{scene}_0.npz", **block_arrays)
        panoramas = folder / "panoramas"
        color = rng.integers(0, 256, (8, 16, 3), np.uint8)
        cv2.imwrite(str(panoramas / f"images/training/{scene}.jpg"), color)
        label = rng.integers(0, 30, (8, 16)).astype(np.uint8)
        cv2.imwrite(str(panoramas / f"annotations/training/{scene}.png"), label)
    (folder / "train.txt").write_text("a_1\na_12\n")
    (folder / "val.txt").write_text("")
    (folder / "test.txt").write_text("b_0\n")
    return folder
