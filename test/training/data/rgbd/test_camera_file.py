# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""`camera.yaml`: what its owner says counts, and what can't be is refused."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from training.data.defects import DefectError
from training.data.intrinsics import Intrinsics
from training.data.rgbd.calibration import PRIMESENSE, Calibration
from training.data.rgbd.camera_file import camera_file_text, find_camera_file, with_camera_file
from training.data.rgbd.seven_scenes import SEVEN_SCENES

CAMERA = {"width": 320, "height": 240, "fx": 260.0, "fy": 261.0, "cx": 160.0, "cy": 119.0}


LAYOUT = Calibration("layout", PRIMESENSE)


def read(tmp_path, content, calibration=LAYOUT):
    path = tmp_path / "camera.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return with_camera_file(calibration, path)


def test_every_key_overrides_what_the_layout_says(tmp_path):
    shift = np.eye(4)
    shift[:3, 3] = [-0.025, 0, 0.001]
    calibration = read(
        tmp_path,
        {
            "color": CAMERA,
            "depth": CAMERA | {"fx": 300},
            "depth_scale": 5000,
            "depth_invalid": [0, 4095],
            "depth_to_color": shift.tolist(),
            "poses_of": "depth",
        },
    )
    assert calibration.color == Intrinsics(320, 240, 260, 261, 160, 119)
    assert calibration.depth == Intrinsics(320, 240, 300, 261, 160, 119)
    assert calibration.depth_scale == 5000
    assert calibration.depth_invalid == (0, 4095)
    np.testing.assert_array_equal(calibration.depth_to_color, shift)
    pose = np.eye(4)
    pose[:3, 3] = [1, 2, 3]
    np.testing.assert_allclose(calibration.color_pose(pose)[:3, 3], [1.025, 2, 2.999])


def test_keys_left_out_stay_as_the_layout_has_them(tmp_path):
    calibration = read(tmp_path, "depth_scale: 256")
    assert calibration.color == PRIMESENSE
    assert calibration.depth_scale == 256
    assert not calibration.poses_of_depth


def test_what_is_written_reads_back(tmp_path):
    again = read(tmp_path, camera_file_text(SEVEN_SCENES), Calibration("nothing"))
    for name in ("color", "depth", "depth_scale", "depth_invalid", "poses_of_depth"):
        assert getattr(again, name) == getattr(SEVEN_SCENES, name)
    np.testing.assert_array_equal(again.depth_to_color, SEVEN_SCENES.depth_to_color)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "no readable YAML"),
        ("", "has no keys"),
        ("colour: 1", "unknown key 'colour'"),
        ({"color": {"fx": 1}}, "must give width, height, fx, fy, cx, cy for color"),
        ({"color": CAMERA | {"fx": 0}}, "a value for color that no camera has"),
        ({"depth": CAMERA | {"width": 1.5}}, "a value for depth that no camera has"),
        ({"color": CAMERA | {"cx": "left"}}, "a value for color that no camera has"),
        ("depth_scale: .nan", "depth_scale that is no number above 0"),
        ("depth_scale: true", "depth_scale that is no number above 0"),
        ("depth_invalid: 0", "depth_invalid that is no list"),
        ("depth_to_color: [[1, 2], [3]]", "no 4x4 matrix of a turn and a shift"),
        ({"depth_to_color": np.zeros((4, 4)).tolist()}, "no 4x4 matrix of a turn and a shift"),
        ("poses_of: both", "neither color nor depth"),
        (b"\xff\xfe\xff".decode("latin-1"), "has no keys"),
    ],
)
def test_what_can_not_be_is_refused_with_a_sentence(tmp_path, content, said):
    with pytest.raises(DefectError, match=said):
        read(tmp_path, content)


def test_the_file_beside_the_recording_comes_before_the_one_above(tmp_path):
    folder = tmp_path / "labs/a"
    folder.mkdir(parents=True)
    assert find_camera_file(folder) is None
    (tmp_path / "labs/camera.yaml").write_text("depth_scale: 1")
    assert find_camera_file(folder) == tmp_path / "labs/camera.yaml"
    (folder / "camera.yaml").write_text("depth_scale: 2")
    assert find_camera_file(folder) == folder / "camera.yaml"
