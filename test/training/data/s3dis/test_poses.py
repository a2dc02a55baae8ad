# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from training.data.defects import DefectKind
from training.data.s3dis.poses import AREA_5_FROM_5B, read_frame_camera

K = [[1000.0, 0, 540], [0, 1000, 540], [0, 0, 1]]


def fields(**changes):
    """A level camera at (1, 2, 3) that looks along +y: x right, z up in the world."""
    rotation = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    place = np.array([1.0, 2, 3])
    rt = np.concatenate([rotation, (-rotation @ place)[:, None]], 1)
    return {
        "camera_k_matrix": K,
        "camera_rt_matrix": rt.tolist(),
        "camera_location": place.tolist(),
    } | changes


def read(tmp_path, content, size=(1080, 1080), area_5b=False):
    file = tmp_path / "pose.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_frame_camera(file, size, area_5b=area_5b)


def test_the_pose_is_camera_to_world_in_the_optical_frame(tmp_path):
    camera = read(tmp_path, fields())
    assert camera.problems == []
    # 2 m ahead, 1 m to the right, 0.5 m down
    np.testing.assert_allclose(camera.pose @ [1, 0.5, 2, 1], [2, 4, 2.5, 1], atol=1e-12)


def test_a_4x4_matrix_is_read_too(tmp_path):
    content = fields()
    content["camera_rt_matrix"].append([0, 0, 0, 1])
    camera = read(tmp_path, content)
    np.testing.assert_allclose(camera.pose[:3, 3], [1, 2, 3], atol=1e-12)


def test_the_principal_point_counts_from_the_images_corner(tmp_path):
    intrinsics = read(tmp_path, fields()).intrinsics
    assert intrinsics.row() == [1080, 1080, 1000, 1000, 539.5, 539.5]
    # so left and right edge of the image, at -0.5 and 1079.5, are seen at the same angle
    assert (-0.5 - intrinsics.cx) == -(1079.5 - intrinsics.cx)


def test_a_pose_of_area_5b_is_brought_to_the_frame_of_area_5(tmp_path):
    pose = read(tmp_path, fields(), area_5b=True).pose
    # xyz' = [[0,1,0],[-1,0,0],[0,0,1]] xyz + (-4.097, 6.226, 0)
    np.testing.assert_allclose(pose[:3, 3], [2 - 4.09703582, -1 + 6.22617759, 3], atol=1e-12)
    ahead = pose[:3, 2]  # +y there is +x here
    np.testing.assert_allclose(ahead, [1, 0, 0], atol=1e-12)


def test_the_frame_of_area_5b_agrees_with_the_one_found_by_eye():
    assert np.linalg.norm(AREA_5_FROM_5B[:3, 3] - [-4.10, 6.25, 0]) < 0.03
    np.testing.assert_array_equal(AREA_5_FROM_5B[:3, :3], [[0, 1, 0], [-1, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        # camera to world instead
        (
            {"camera_rt_matrix": [[1, 0, 0, 1], [0, 0, 1, 2], [0, -1, 0, 3]]},
            DefectKind.LOST_POSE,
            "m from camera_location",
        ),
        ({"camera_location": [1, 2, 3.02]}, DefectKind.LOST_POSE, "0.02 m from camera_location"),
        ({"camera_rt_matrix": [[0] * 4] * 3}, DefectKind.LOST_POSE, "is no rotation"),
        (
            {"camera_rt_matrix": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 0]]},
            DefectKind.LOST_POSE,
            "is no rotation",
        ),
        ({"camera_rt_matrix": [[1, 2], [3]]}, DefectKind.LOST_POSE, "no 3x4 matrix"),
        ({"camera_rt_matrix": "text"}, DefectKind.LOST_POSE, "no 3x4 matrix"),
        ({"camera_location": [1, 2, None]}, DefectKind.LOST_POSE, "finite"),
        ({"camera_location": [1, 2]}, DefectKind.LOST_POSE, "no place"),
    ],
)
def test_a_pose_that_can_not_be_is_lost_and_the_intrinsics_stay(tmp_path, changes, kind, words):
    camera = read(tmp_path, fields(**changes))
    assert camera.pose is None and camera.intrinsics is not None
    assert [p.kind for p in camera.problems] == [kind]
    assert words in str(camera.problems[0])


@pytest.mark.parametrize(
    ("k", "size", "words"),
    [
        (K, (540, 540), "of images of 1080x1080 pixels, the frame's has 540x540"),
        ([[1000.0, 3, 540], [0, 1000, 540], [0, 0, 1]], (1080, 1080), "without skew"),
        ([[-1.0, 0, 540], [0, 1000, 540], [0, 0, 1]], (1080, 1080), "without skew"),
        ("text", (1080, 1080), "3x3"),
    ],
)
def test_intrinsics_that_can_not_be_are_left_out_and_the_pose_stays(tmp_path, k, size, words):
    camera = read(tmp_path, fields(camera_k_matrix=k), size)
    assert camera.intrinsics is None and camera.pose is not None
    assert [p.kind for p in camera.problems] == [DefectKind.INTRINSICS_MISMATCH]
    assert words in str(camera.problems[0])


@pytest.mark.parametrize("content", ["{", "[]", "", "{}", '{"camera_k_matrix": 1}'])
def test_a_damaged_file_is_one_defect(tmp_path, content):
    camera = read(tmp_path, content)
    assert camera.pose is None and camera.intrinsics is None
    assert [p.kind for p in camera.problems] == [DefectKind.DAMAGED_FILE]


def test_a_missing_file_is_one_defect(tmp_path):
    camera = read_frame_camera(tmp_path / "pose.json", (4, 4), area_5b=False)
    assert [p.kind for p in camera.problems] == [DefectKind.MISSING_FILE]
