# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Cameras of a frame, and points seen from them."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest

from training.data.defects import DefectError, DefectKind
from training.data.intrinsics import Intrinsics
from training.data.manifest import ManifestRow
from training.projection.geometry import FrameGeometry, camera_points, pixels

IMAGE = Intrinsics(1296, 968, 1170.2, 1171.1, 647.7, 483.8)
DEPTH = Intrinsics(640, 480, 577.9, 578.3, 319.5, 239.5)


def random_pose(rng):
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    pose = np.eye(4)
    pose[:3, :3] = turn * np.sign(np.linalg.det(turn))
    pose[:3, 3] = rng.uniform(-5, 5, 3)
    return pose


def row(**changes):
    pose = random_pose(np.random.default_rng(0))
    known = ManifestRow(
        "color/000000.jpg",
        None,
        "scene0000_00",
        "train",
        None,
        depth="depth/000000.png",
        pose=pose.ravel().tolist(),
        intrinsics=IMAGE.row(),
    )
    return dataclasses.replace(known, **changes)


def test_a_frame_has_the_cameras_of_its_row():
    moved = np.eye(4)
    moved[0, 3] = 0.025
    known = row(depth_intrinsics=DEPTH.row(), depth_to_color=moved.ravel().tolist())
    geometry = FrameGeometry.from_row(known)
    assert geometry.intrinsics == IMAGE
    assert geometry.depth_intrinsics == DEPTH
    np.testing.assert_array_equal(geometry.pose.ravel(), known.pose)
    np.testing.assert_array_equal(geometry.depth_to_color, moved)


def test_a_frame_without_a_depth_camera_of_its_own_has_the_colour_cameras():
    geometry = FrameGeometry.from_row(row())
    assert geometry.depth_intrinsics == IMAGE
    np.testing.assert_array_equal(geometry.depth_to_color, np.eye(4))


@pytest.mark.parametrize(
    ("lost", "kind"),
    [("pose", DefectKind.LOST_POSE), ("intrinsics", DefectKind.INTRINSICS_MISMATCH)],
)
def test_a_frame_without_pose_or_intrinsics_is_a_defect(lost, kind):
    with pytest.raises(DefectError, match=f"has no {lost}") as error:
        FrameGeometry.from_row(row(**{lost: None}))
    assert error.value.kind is kind


@pytest.mark.parametrize("seed", range(2))
def test_points_on_the_ray_of_a_pixel_come_back_to_it(seed):
    rng = np.random.default_rng(seed)
    pose = random_pose(rng)
    v, u = np.mgrid[: IMAGE.height : 3, : IMAGE.width : 3].reshape(2, -1)
    depth = rng.uniform(0.3, 8.0, len(u))
    # in double precision, rounded to the floats of a scan
    rays = np.stack([(u - IMAGE.cx) / IMAGE.fx, (v - IMAGE.cy) / IMAGE.fy, np.ones(len(u))], 1)
    world = (rays * depth[:, None]) @ pose[:3, :3].T + pose[:3, 3]
    camera = camera_points(world.astype(np.float32), pose)
    assert camera.dtype == np.float32
    column, row_ = pixels(camera, IMAGE)
    assert np.abs(column - u).max() < 5e-3
    assert np.abs(row_ - v).max() < 5e-3
    assert np.abs(camera[:, 2] - depth).max() < 1e-5


POSE = np.eye(4).ravel().tolist()


@pytest.mark.parametrize(
    ("changes", "text", "kind"),
    [
        ({"pose": POSE[:12]}, "a pose that is not 16", DefectKind.LOST_POSE),
        ({"pose": [0.0] * 16}, "a pose that is not 16", DefectKind.LOST_POSE),
        ({"pose": [-np.inf] * 16}, "a pose that is not 16", DefectKind.LOST_POSE),
        ({"pose": [*POSE[:3], np.inf, *POSE[4:]]}, "a pose that is not", DefectKind.LOST_POSE),
        ({"pose": [*POSE[:3], 1e300, *POSE[4:]]}, "a pose that is not", DefectKind.LOST_POSE),
        ({"pose": [*POSE[:12], 0, 0, 0, 0]}, "a pose that is not 16", DefectKind.LOST_POSE),
        ({"pose": ["a"] * 16}, "a pose that is not 16 finite numbers", DefectKind.LOST_POSE),
        ({"pose": [[1.0], [2.0, 3.0]]}, "a pose that is not 16 finite", DefectKind.LOST_POSE),
        ({"pose": "lost"}, "a pose that is not 16 finite numbers", DefectKind.LOST_POSE),
        ({"depth_to_color": [2.0] * 16}, "a depth_to_color that is not", DefectKind.LOST_POSE),
        ({"intrinsics": IMAGE.row()[:4]}, "has intrinsics that are not width", None),
        ({"intrinsics": ["wide", *IMAGE.row()[1:]]}, "has intrinsics that are not", None),
        ({"intrinsics": [640.5, *IMAGE.row()[1:]]}, "has intrinsics that are not", None),
        ({"intrinsics": [0, *IMAGE.row()[1:]]}, "has intrinsics that are not", None),
        ({"intrinsics": [1296, 968, 0.0, *IMAGE.row()[3:]]}, "has intrinsics that", None),
        ({"intrinsics": [*IMAGE.row()[:5], np.nan]}, "has intrinsics that are not", None),
        ({"intrinsics": [1296, 968, 1e300, *IMAGE.row()[3:]]}, "has intrinsics that", None),
        ({"intrinsics": 5}, "has intrinsics that are not", None),
        ({"depth_intrinsics": []}, "has depth_intrinsics that are not", None),
    ],
)
def test_numbers_that_are_no_cameras_are_a_defect(changes, text, kind):
    with pytest.raises(DefectError, match=f"'000000' of the scene 'scene0000_00' .*{text}") as e:
        FrameGeometry.from_row(row(**changes))
    assert e.value.kind is (kind or DefectKind.INTRINSICS_MISMATCH)


def test_the_fingerprint_is_that_of_all_the_numbers():
    known = row(depth_intrinsics=IMAGE.row(), depth_to_color=POSE)
    fingerprint = FrameGeometry.from_row(known).sha256()
    numbers = np.array([*known.pose, *POSE, *IMAGE.row(), *IMAGE.row()], "<f8")
    assert fingerprint == hashlib.sha256(numbers.tobytes()).hexdigest()
    assert FrameGeometry.from_row(row()).sha256() == fingerprint
    other = list(known.pose)
    other[3] = np.nextafter(other[3], 9)
    moved = [*POSE[:3], 1e-9, *POSE[4:]]
    for changes in (
        {"pose": other},
        {"intrinsics": [1297, *IMAGE.row()[1:]]},
        {"intrinsics": [*IMAGE.row()[:5], 483.9]},
        {"depth_intrinsics": DEPTH.row()},
        {"depth_to_color": moved},
    ):
        assert FrameGeometry.from_row(row(**changes)).sha256() != fingerprint
