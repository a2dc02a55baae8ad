# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A prepared data set of rendered boxes with depth from a camera beside the colour camera."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from training.data.intrinsics import Intrinsics
from training.data.manifest import ManifestRow, write_manifest

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
