# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Poses of rendered rooms as 2D-3D-S has them, by arithmetic that is not the reader's."""

import json

import cv2
import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")

from s3dis_rendered import SIZE, beside, poses

from training.rendering.layouts.s3dis_rooms import euler_angles


def test_points_projected_by_the_raw_json_land_at_the_depth_images_depth(s3dis_root):
    """By K (R X + t) with world-to-camera R and t, pixels counted from the image's corner."""
    for pose in poses(s3dis_root):
        fields = json.loads(pose.read_text())
        part, room = pose.parts[-4], fields["room"].rsplit("_", 1)[0]
        points = np.loadtxt(s3dis_root / f"Area_{part[5]}" / room / f"{room}.txt")[:, :3]
        if part.endswith("b"):  # xyz of Area 5 = [[0,1,0],[-1,0,0],[0,0,1]] xyz + (-4.10, 6.23, 0)
            x, y, z = points.T
            points = np.stack([6.22617759 - y, x + 4.09703582, z], 1)
        k, rt = np.array(fields["camera_k_matrix"]), np.array(fields["camera_rt_matrix"])
        assert rt.shape == (3, 4) and k[:2, 2].tolist() == [SIZE / 2, SIZE / 2]
        seen = (points @ rt[:, :3].T + rt[:, 3]) @ k.T
        seen = seen[seen[:, 2] > 0.05]
        z = seen[:, 2]
        u, v = np.floor(seen[:, 0] / z).astype(int), np.floor(seen[:, 1] / z).astype(int)
        inside = (u >= 1) & (v >= 1) & (u < SIZE - 1) & (v < SIZE - 1)
        u, v, z = u[inside], v[inside], z[inside]
        stored = cv2.imread(str(beside(pose, "depth")), cv2.IMREAD_UNCHANGED)
        depth = np.where(stored == 65535, np.nan, stored / 512.0)
        # A pixel's neighbours bound its depth; what is deeper is occluded.
        around = np.stack([np.roll(depth, (a, b), (0, 1)) for a in (-1, 0, 1) for b in (-1, 0, 1)])
        low, high = np.nanmin(around, 0)[v, u], np.nanmax(around, 0)[v, u]
        unoccluded = z < high + 0.03
        assert unoccluded.sum() > 1500
        assert (z > low - 0.03)[unoccluded].mean() >= 0.95
        # and most of what the room has there is seen, so that the view is not another one
        assert unoccluded.mean() > 0.5


def test_the_fields_of_a_pose_agree_with_each_other(s3dis_root):
    for pose in poses(s3dis_root):
        fields = json.loads(pose.read_text())
        rt, place = np.array(fields["camera_rt_matrix"]), np.array(fields["camera_location"])
        np.testing.assert_allclose(rt[:, :3] @ place + rt[:, 3], 0, atol=1e-9)
        x, y, z = fields["final_camera_rotation"]
        turns = (
            np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
            @ np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
            @ np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
        )
        # the camera looks along -z with y up, so the signs of y and z are turned
        np.testing.assert_allclose(turns.T * [[1], [-1], [-1]], rt[:, :3], atol=1e-9)
        focal = fields["camera_k_matrix"][0][0]
        assert np.isclose(2 * np.arctan(SIZE / 2 / focal), fields["field_of_view_rads"])
        name = pose.name.split("_")
        assert fields["camera_uuid"] == fields["point_uuid"] == name[1]
        assert str(fields["frame_num"]) == name[5]


def test_euler_angles_rebuild_their_rotation():
    rng = np.random.default_rng(0)
    for _ in range(50):
        q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        rotation = q * np.sign(np.linalg.det(q))
        x, y, z = euler_angles(rotation)
        built = (
            cv2.Rodrigues(np.array([0, 0, z]))[0]
            @ cv2.Rodrigues(np.array([0, y, 0.0]))[0]
            @ cv2.Rodrigues(np.array([x, 0, 0.0]))[0]
        )
        np.testing.assert_allclose(built, rotation, atol=1e-9)
