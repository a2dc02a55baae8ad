# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which scenes are read anew when files have changed since."""

from __future__ import annotations

import os

import pytest
import yaml

pytest.importorskip("open3d")

from training.data.manifest import read_manifest


def first(folder, pattern):
    return sorted(folder.glob(pattern))[0]


CHANGES = {
    "seven_scenes": ["*.color.png", "*.depth.png", "*.pose.txt", "camera-intrinsics.txt"],
    "redwood": ["color/*.png", "depth/*.png", "trajectory.log", "camera_intrinsic.json"],
    "tum": ["rgb/*.png", "depth/*.png", "rgb.txt", "depth.txt", "groundtruth.txt"],
    "plain": ["color/*.png", "depth/*.png", "pose/*.txt", "label/*.png", "intrinsics.txt"],
}


@pytest.mark.parametrize("layout", CHANGES)
def test_recordings_of_which_something_changed_are_read_anew(layout, wall, tmp_path, scenes_read):
    wall.count = 1
    root = tmp_path / "recordings"
    for name in ("lab", "office"):
        getattr(wall, layout)(root / name)
    assert scenes_read("rgbd", root) == {"lab", "office"}
    assert scenes_read("rgbd", root) == set()
    for pattern in CHANGES[layout]:
        os.utime(first(root / "lab", pattern))
        assert scenes_read("rgbd", root) == {"lab"}, pattern
    (root / "camera.yaml").write_text("depth_scale: 1000.0\n")
    assert scenes_read("rgbd", root) == {"lab", "office"}


def test_a_camera_that_was_missing_is_taken_from_what_is_written(wall, tmp_path, scenes_read):
    root = tmp_path / "lab"
    wall.plain(root)
    (root / "intrinsics.txt").unlink()
    assert scenes_read("rgbd", root) == {"lab"}
    (row, *_) = read_manifest(tmp_path / "prepared_again")
    assert row.intrinsics is None
    numbers = {"width": 160, "height": 120, "fx": 130.0, "fy": 131.0, "cx": 80.0, "cy": 59.0}
    (root / "camera.yaml").write_text(yaml.safe_dump({"color": numbers}))
    assert scenes_read("rgbd", root) == {"lab"}
    (row, *_) = read_manifest(tmp_path / "prepared_again")
    assert row.intrinsics == list(numbers.values())


def test_a_file_that_makes_it_another_layout_counts(wall, tmp_path, scenes_read):
    root = tmp_path / "lab"
    wall.plain(root)
    assert scenes_read("rgbd", root) == {"lab"}
    wall.redwood(tmp_path / "other")
    (tmp_path / "other" / "trajectory.log").rename(root / "trajectory.log")
    assert scenes_read("rgbd", root) == {"lab"}
