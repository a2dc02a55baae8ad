# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes' files: whether they belong to a manifest, and how they are written."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from training.data.intrinsics import Intrinsics
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestRow
from training.data.scan import Scan
from training.projection.geometry import FrameGeometry
from training.projection.scene_file import SceneSource, points_sha256, scene_path
from training.projection.scene_file_writer import SceneFileWriter
from training.projection.visible_file import StoredFrame, VisiblePointsFile

POINTS = 5000
SOURCE = SceneSource("scene0000_00", POINTS, "ab" * 32, "", {"rule": "depth"})


def row(name, height, width):
    """Of the manifest."""
    pose = np.eye(4)
    pose[0, 3] = 1.5
    return ManifestRow(
        *(f"color/{name}.jpg", None, "scene0000_00", "train", None),
        pose=pose.ravel().tolist(),
        intrinsics=Intrinsics.from_fov(width, height, 1.0).row(),
    )


def stored(count):
    """Points of a frame of 64x48 pixels."""
    numbers = np.random.default_rng(count).integers(0, 48 * 16, (2, count)).astype(np.uint16)
    return StoredFrame(48, 64, *numbers, np.arange(count, dtype=np.uint32))


def test_a_file_belongs_to_the_rows_and_the_scan_that_it_was_made_from(tmp_path):
    points = np.random.default_rng(0).random((POINTS, 3)).astype(np.float32)
    scan = Scan(points, np.zeros(points.shape, np.uint8))
    path = tmp_path / "scene.safetensors"
    source = dataclasses.replace(SOURCE, scan_sha256=points_sha256(points))
    rows = [row("first", 48, 64), row("second", 50, 64)]
    with SceneFileWriter(VisiblePointsFile, path, source) as writer:
        for known in rows:
            writer.add(known.frame, FrameGeometry.from_row(known), stored(30))
        writer.leave_out("lost")
    file = VisiblePointsFile(path)
    file.check([*rows, row("lost", 9, 9)], scan)
    file.check(rows[1:])
    other = dataclasses.replace(scan, points=points[::-1])
    with pytest.raises(DatasetError, match="made from other points than this scan of 'scene0000_"):
        file.check(rows, other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pose": np.eye(4).ravel().tolist()}, "another pose or other intrinsics of the frame 'f'"),
        ({"intrinsics": [64, 48, 60.0, 60.0, 30, 20]}, "another pose or other intrinsics"),
        ({"depth_intrinsics": [64, 48, 60.0, 60.0, 30, 20]}, "another pose or other intrinsics"),
        ({"depth_to_color": [*np.eye(4).ravel()[:3], 0.1, *np.eye(4).ravel()[4:]]}, "another pose"),
        ({"intrinsics": [65, 48, 60.0, 60.0, 30, 20]}, "images of 64x48 .* 'f' has 65x48 in the"),
        ({"pose": None}, "has points of 'f', but color/f.jpg has no pose"),
        ({"name": "g"}, "was made without the frame 'g', which the manifest has; make it anew"),
        ({"scene": "scene0001_00"}, "of the scene 'scene0000_00', the frame 'f' of 'scene0001_00'"),
    ],
)
def test_a_manifest_that_has_changed_is_not_that_of_the_file(tmp_path, changes, message):
    path = tmp_path / "scene.safetensors"
    known = row("f", 48, 64)
    with SceneFileWriter(VisiblePointsFile, path, SOURCE) as writer:
        writer.add("f", FrameGeometry.from_row(known), stored(20))
    file = VisiblePointsFile(path)
    file.check([known])
    with pytest.raises(DatasetError, match=message):
        file.check([dataclasses.replace(known, **changes)])


def test_a_writer_that_is_left_by_an_error_leaves_nothing(tmp_path):
    path = tmp_path / "scene.safetensors"
    geometry = FrameGeometry.from_row(row("a", 48, 64))
    with SceneFileWriter(VisiblePointsFile, path, SOURCE) as writer:
        writer.add("a", geometry, stored(20))
    before = path.read_bytes()
    with (
        pytest.raises(KeyboardInterrupt),
        SceneFileWriter(VisiblePointsFile, path, SOURCE) as writer,
    ):
        writer.add("a", geometry, stored(500))
        assert list(tmp_path.iterdir()) == [path]
        raise KeyboardInterrupt
    short = dataclasses.replace(stored(20), u=np.zeros(19, np.uint16))
    with (
        pytest.raises(ValueError, match="arrays of 'a' do not fit"),
        SceneFileWriter(VisiblePointsFile, path, SOURCE) as writer,
    ):
        writer.add("a", geometry, short)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_names_that_lead_elsewhere_are_no_scenes(tmp_path):
    assert scene_path(tmp_path, "area_1/office_2") == tmp_path / "area_1/office_2.safetensors"
    for name in ("../scene", "/scene"):
        with pytest.raises(DatasetError, match="can't be a scene's name"):
            scene_path(tmp_path, name)
