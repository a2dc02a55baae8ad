# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of every layout prepared, from files that the tests write."""

from __future__ import annotations

import pickle

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("open3d")

from seg3d2d_ros.labels import LabelSpace
from training.data.intrinsics import Intrinsics
from training.data.labelled_frames import DatasetError
from training.data.manifest import read_manifest, read_scans
from training.data.open_scan import open_scan
from training.data.prepare_dataset import prepare_dataset
from training.data.registry import open_dataset
from training.data.rgbd.layouts import layout_of


@pytest.fixture
def prepare(tmp_path, repository):
    def run(root):
        reader = pickle.loads(pickle.dumps(open_dataset("rgbd", root)))
        space = LabelSpace.load(repository / "config/labels/scannet20.yaml")
        out = tmp_path / "out"
        prepared = prepare_dataset(reader, out, space)
        return prepared, read_manifest(out), out

    return run


LAYOUTS = {
    "seven_scenes": ("7-Scenes", [130.0, 131.0, 80.0, 59.0], 1000, "frame-000008"),
    "redwood": ("Redwood", [130.0, 131.0, 80.0, 59.0], 1000, "8"),
    "redwood_json": ("Redwood", [130.0, 131.0, 80.0, 59.0], 1000, "8"),
    "tum": ("TUM", [525.0, 525.0, 319.5, 239.5], 5000, "1305031102.000000"),
    "plain": ("plain folders", [130.0, 131.0, 80.0, 59.0], 1000, "8"),
}


@pytest.mark.parametrize("write", LAYOUTS)
def test_each_layout_gives_poses_cameras_and_the_wall(write, wall, prepare, tmp_path):
    root = tmp_path / "lab"
    getattr(wall, write)(root)
    name, camera, scale, first = LAYOUTS[write]
    layout = layout_of(root)
    assert layout is not None
    assert layout.name == name
    prepared, rows, out = prepare(root)
    assert prepared.defects == []
    assert prepared.frames == {"train": 3}
    assert [row.scene for row in rows] == ["lab"] * 3
    assert rows[0].frame == first  # 8 comes before 10
    for row, pose in zip(rows, wall.poses, strict=True):
        np.testing.assert_allclose(np.array(row.pose).reshape(4, 4), pose, atol=2e-7)
        assert row.intrinsics is not None
        np.testing.assert_allclose(row.intrinsics[2:], camera)
        assert row.depth_scale == scale
        assert row.depth_intrinsics is None
        assert (out / row.image).is_file()
        assert (out / row.depth).is_file()
    (listed,) = read_scans(out)
    scan = open_scan(out, listed)
    assert scan.faces is not None
    assert np.abs(scan.points[:, 2] - 2.0).max() < 0.01  # half a voxel
    assert np.ptp(scan.points[:, 0]) > 2.0
    assert (np.abs(scan.colors.astype(int) - (180, 120, 60)) <= 1).all()
    # What was taken for the cameras can be put beside the recording, and then says the same.
    stated = yaml.safe_load((out / "unpacked/lab/camera.yaml").read_text())
    assert list(stated["color"].values())[2:] == pytest.approx(camera)


def test_labels_are_optional_and_checked(wall, prepare, tmp_path):
    wall.plain(tmp_path / "lab")
    wall.labels(tmp_path / "lab", "9")
    _, rows, out = prepare(tmp_path / "lab")
    assert [row.label is not None for row in rows] == [False, True, False]
    assert cv2.imread(str(out / rows[1].label), cv2.IMREAD_UNCHANGED).max() == 1
    assert rows[1].sha256 is not None


def test_a_depth_camera_of_its_own_is_kept(wall, prepare, tmp_path):
    small = Intrinsics(80, 60, 70.0, 70.0, 39.0, 30.0)
    wall.plain(tmp_path / "lab", depth_camera=small)
    prepared, rows, out = prepare(tmp_path / "lab")
    assert prepared.defects == []
    assert rows[0].depth_intrinsics == small.row()
    assert np.abs(open_scan(out, read_scans(out)[0]).points[:, 2] - 2.0).max() < 0.01


def test_seven_scenes_poses_are_those_of_the_depth_camera(wall, prepare, tmp_path):
    kinect = Intrinsics(640, 480, 585.0, 585.0, 320.0, 240.0)
    wall.seven_scenes(tmp_path / "lab", kinect)
    _, rows, _ = prepare(tmp_path / "lab")
    for row, recorded in zip(rows, wall.poses, strict=True):
        assert row.intrinsics[2:] == [525, 525, 320, 240]
        assert row.depth_intrinsics == kinect.row()
        pose = np.array(row.pose).reshape(4, 4)
        shift = np.array(row.depth_to_color).reshape(4, 4)
        # A point of the depth camera's frame is at one place in the world by either way.
        point = np.array([0.3, -0.2, 1.5, 1.0])
        np.testing.assert_allclose(pose @ shift @ point, recorded @ point, atol=1e-6)
        # The colour camera stands 2.6 cm to the right of the depth camera.
        place = np.linalg.inv(recorded) @ pose[:, 3]
        np.testing.assert_allclose(place[:3], [0.02556, -0.0001, -0.00203], atol=1e-5)


def test_the_intrinsics_may_lie_above_and_the_frames_below(wall, prepare, tmp_path):
    wall.seven_scenes(tmp_path / "lab/seq-01")
    wall.seven_scenes(tmp_path / "lab/seq-02")
    (tmp_path / "lab/seq-01/camera-intrinsics.txt").rename(tmp_path / "lab/camera-intrinsics.txt")
    (tmp_path / "lab/seq-02/camera-intrinsics.txt").unlink()
    prepared, rows, _ = prepare(tmp_path / "lab")
    assert prepared.defects == []
    assert sorted({row.scene for row in rows}) == ["seq-01", "seq-02"]
    assert all(row.intrinsics[2] == 130 for row in rows)


def test_frames_in_the_folder_of_tsdf_fusion_are_found(wall, tmp_path, prepare):
    wall.seven_scenes(tmp_path / "lab/rgbd-frames")
    (tmp_path / "lab/rgbd-frames/camera-intrinsics.txt").rename(
        tmp_path / "lab/camera-intrinsics.txt"
    )
    prepared, rows, _ = prepare(tmp_path / "lab")
    assert prepared.defects == []
    assert {row.scene for row in rows} == {"lab"}


def test_a_folder_of_recordings_has_a_scene_each_in_the_listed_splits(wall, prepare, tmp_path):
    root = tmp_path / "labs"
    wall.plain(root / "floor1/a")
    wall.redwood(root / "floor1/b")
    wall.tum(root / "c")
    prepared, rows, _ = prepare(root)
    assert {row.scene for row in rows} == {"floor1_a", "floor1_b", "c"}
    assert prepared.frames == {"train": 9}
    (root / "splits").mkdir()
    (root / "splits/train.txt").write_text("c\n")
    (root / "splits/val.txt").write_text("floor1_b\nelsewhere\n")
    reader = open_dataset("rgbd", root)
    assert reader.scenes() == {"c": "train", "floor1_b": "val", "elsewhere": "val"}
    (stray,) = reader.stray_defects()
    assert "'floor1_a', which no list" in stray.text
    missing = reader.prepare_scene("elsewhere", "val", tmp_path / "x")
    assert missing.rows == []
    assert "names the scene 'elsewhere'" in missing.defects[0].text
    (root / "splits/test.txt").write_text("c\n")
    with pytest.raises(DatasetError, match="'c' is in the splits test and train"):
        reader.scenes()


def test_scenes_with_spaces_can_be_listed(wall, prepare, tmp_path):
    root = tmp_path / "labs"
    wall.plain(root / "living room")
    wall.plain(root / "kitchen")
    (root / "splits").mkdir()
    (root / "splits/train.txt").write_text("kitchen\n")
    (root / "splits/val.txt").write_text("living room\n")
    prepared, rows, out = prepare(root)
    assert prepared.defects == [] and prepared.frames == {"train": 3, "val": 3}
    assert {row.scene for row in rows} == {"kitchen", "living room"}
    assert len(open_scan(out, read_scans(out)[1]).points)


def test_a_linked_recording_is_called_like_the_link(wall, prepare, tmp_path):
    wall.plain(tmp_path / "store/0c1f")
    (tmp_path / "lab").symlink_to("store/0c1f")
    _, rows, out = prepare(tmp_path / "lab")
    assert {row.scene for row in rows} == {"lab"}
    assert (out / rows[0].image).is_file()


def test_a_folder_without_recordings_or_with_two_of_one_name_is_refused(wall, tmp_path):
    (tmp_path / "empty/deep").mkdir(parents=True)
    with pytest.raises(DatasetError, match="holds no RGB-D recording; known layouts"):
        open_dataset("rgbd", tmp_path / "empty").scenes()
    wall.plain(tmp_path / "labs/a/b")
    wall.plain(tmp_path / "labs/a_b")
    with pytest.raises(DatasetError, match="would both be the scene 'a_b'"):
        open_dataset("rgbd", tmp_path / "labs").scenes()
    with pytest.raises(DatasetError, match="no protocol 'other', only all"):
        open_dataset("rgbd", tmp_path / "labs", "other")


def test_preparing_again_gives_the_same_files(wall, prepare, tmp_path):
    wall.plain(tmp_path / "lab")
    _, _, out = prepare(tmp_path / "lab")
    names = ("manifest.jsonl", "scans.jsonl", "unpacked/lab/scan.ply", "unpacked/lab/camera.yaml")
    before = {name: (out / name).read_bytes() for name in names}
    (out / "scenes/lab.json").unlink()
    prepare(tmp_path / "lab")
    assert {name: (out / name).read_bytes() for name in names} == before
