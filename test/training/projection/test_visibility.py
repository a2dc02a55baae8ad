# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Visible points against cameras and surfaces worked out by hand."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from training.data.intrinsics import Intrinsics
from training.data.labelled_frames import DatasetError
from training.data.scan import Scan
from training.projection.depth_test import COARSE_TOLERANCE, DepthTolerance
from training.projection.geometry import NEAR_M, FrameGeometry
from training.projection.splat import share_covered, splat
from training.projection.visibility import (
    SurfaceVisibility,
    visible_by_depth,
)
from training.projection.visible_points import points_in_image


def wall_and_board():
    """A wall 3 m before the camera and a board 1 m before it, over the image's left half."""
    step = 0.02
    x, y = np.mgrid[-1.5:1.5:step, -1.2:1.2:step].reshape(2, -1)
    wall = np.stack([x, y, np.full_like(x, 3.0)], 1)
    x, y = np.mgrid[-0.6:0.0:step, -0.5:0.5:step].reshape(2, -1)
    board = np.stack([x, y, np.full_like(x, 1.0)], 1)
    return np.concatenate([wall, board]).astype(np.float32), len(wall)


def grid_faces(rows, columns, first):
    at = first + np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (p.ravel() for p in (at[:-1, :-1], at[:-1, 1:], at[1:, :-1], at[1:, 1:]))
    return np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)]).astype(np.int32)


def scan_of_wall_and_board():
    points, wall = wall_and_board()
    faces = np.concatenate([grid_faces(150, 120, 0), grid_faces(30, 50, wall)])
    return Scan(points, np.zeros((len(points), 3), np.uint8), None, None, faces), wall


def test_a_board_hides_the_wall_behind_it():
    pytest.importorskip("open3d")
    scan, wall = scan_of_wall_and_board()
    image = Intrinsics.from_fov(160, 120, 0.9)
    geometry = FrameGeometry(np.eye(4), image, image, np.eye(4))
    visible = SurfaceVisibility(scan).visible(geometry)
    x, y, _ = scan.points[visible.index].T
    of_wall = visible.index < wall
    # the board's shadow on the wall, three times as large; its edge by a pixel or two
    shadow = of_wall & (x < -0.02) & (x > -1.78) & (np.abs(y) < 1.48)
    assert not shadow.any()
    assert (of_wall & (x > 0.1)).sum() > 2000
    assert (~of_wall).sum() > 800
    surface = SurfaceVisibility(scan)
    assert surface.share_occluded(splat(visible, 120, 160), geometry) == 0
    # all points, visible or not: two in five pixels show the wall through the board
    index = np.arange(len(scan.points), dtype=np.uint32)
    u = image.fx * scan.points[:, 0] / scan.points[:, 2] + image.cx
    v = image.fy * scan.points[:, 1] / scan.points[:, 2] + image.cy
    every = dataclasses.replace(visible, u=u, v=v, index=index)
    assert surface.share_occluded(splat(every, 120, 160), geometry) > 0.2
    assert surface.share_occluded(splat(every, 120, 160)[:0], geometry) is None


def test_what_a_scan_may_stand_before_the_true_surface_hides_nothing():
    pytest.importorskip("open3d")
    wall, near = 1.0, np.float32([[0.1, 0.1, 1.08], [0.1, -0.1, 1.12]])
    corners = np.float32([[-1, -1, wall], [1, -1, wall], [1, 1, wall], [-1, 1, wall]])
    points = np.concatenate([corners, near])
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    surface = SurfaceVisibility(Scan(points, np.zeros((6, 3), np.uint8), faces=faces))
    image = Intrinsics.from_fov(160, 120, 0.9)
    geometry = FrameGeometry(np.eye(4), image, image, np.eye(4))
    # a fused scan of 2.5 cm is up to 10 cm thicker than what was scanned
    assert surface.occluded(np.array([4, 5]), geometry).tolist() == [False, True]


def test_a_cloud_without_faces_hides_nothing_and_says_so():
    points, _ = wall_and_board()
    cloud = Scan(points, np.zeros((len(points), 3), np.uint8))
    with pytest.raises(DatasetError, match="without faces"):
        SurfaceVisibility(cloud)


def depth_of_wall_and_board(view, pose):
    """The depth image that a camera at a pose without rotation sees, by hand."""
    v, u = np.mgrid[: view.height, : view.width]
    ray = np.stack([(u - view.cx) / view.fx, (v - view.cy) / view.fy], -1)
    x, y, z = pose[:3, 3]
    on_board = ray * (1 - z) + (x, y)
    board = (on_board[..., 0] > -0.6) & (on_board[..., 0] < 0) & (np.abs(on_board[..., 1]) < 0.5)
    return np.where(board, 1 - z, 3 - z).astype(np.float32)


def test_a_depth_camera_elsewhere_with_other_intrinsics_is_looked_up_in_its_own_image():
    points, _ = wall_and_board()
    world = np.eye(4)
    world[:3, :3] = cv2.Rodrigues(np.array([0.3, -0.5, 0.2]))[0]
    world[:3, 3] = 4.0, -2.0, 1.0
    color = Intrinsics(160, 120, 150.0, 152.0, 81.0, 58.5)
    depth_camera = Intrinsics(100, 90, 80.0, 81.0, 48.0, 46.0)
    depth_to_color = np.eye(4)
    depth_to_color[:3, 3] = 0.06, -0.02, 0.01
    geometry = FrameGeometry(world, color, depth_camera, depth_to_color)
    depth = depth_of_wall_and_board(depth_camera, depth_to_color)
    measured, seen = set(), set()
    for k, (x, y, z) in enumerate(points.tolist()):
        u, v = color.fx * x / z + color.cx, color.fy * y / z + color.cy
        if not (-0.5 <= u < 159.5 and -0.5 <= v < 119.5):
            continue
        dx, dy, dz = x - 0.06, y + 0.02, z - 0.01
        column = round(depth_camera.fx * dx / dz + depth_camera.cx)
        row = round(depth_camera.fy * dy / dz + depth_camera.cy)
        if 0 <= column < 100 and 0 <= row < 90 and abs(dz - depth[row, column]) < 0.05:
            measured.add(k)
            behind_board = z > 1 and -0.6 <= x / z < 0 and abs(y / z) <= 0.5
            if not behind_board:
                seen.add(k)
    scan = (points @ world[:3, :3].T + world[:3, 3]).astype(np.float32)
    single = DepthTolerance(0.05, local_plane=False)
    visible = visible_by_depth(scan, geometry, depth, tolerance=single)
    # but for points within rounding of the middle between two pixels
    assert len(measured ^ set(visible.index.tolist())) <= 3
    x, y, z = points[visible.index].astype(np.float64).T
    np.testing.assert_allclose(visible.u, color.fx * x / z + color.cx, atol=1e-3)
    np.testing.assert_allclose(visible.v, color.fy * y / z + color.cy, atol=1e-3)
    careful = set(visible_by_depth(scan, geometry, depth).index.tolist())
    assert len(measured - seen) > 300
    assert careful <= seen
    assert len(careful) > 0.93 * len(seen)


def test_what_only_the_depth_camera_sees_past_an_edge_is_left_out():
    points, wall = wall_and_board()
    color = Intrinsics.from_fov(320, 240, 0.9)
    depth_to_color = np.eye(4)
    depth_to_color[0, 3] = 0.05  # to the right, where more of the wall shows beside the board
    geometry = FrameGeometry(np.eye(4), color, color, depth_to_color)
    depth = depth_of_wall_and_board(color, depth_to_color)
    visible = visible_by_depth(points, geometry, depth)
    x = points[visible.index[visible.index < wall], 0]
    # The colour camera sees the wall from x = 0 on, the depth camera from x = -0.1 on.
    assert x.min() >= -0.01
    assert x.min() < 0.08
    single = visible_by_depth(points, geometry, depth, tolerance=COARSE_TOLERANCE)
    assert points[single.index[single.index < wall], 0].min() < -0.08


def test_a_thing_near_before_a_wall_hides_it_from_the_colour_camera_too():
    step = 0.004
    x, y = np.mgrid[-0.4:0.4:step, -0.3:0.3:step].reshape(2, -1)
    wall = np.stack([x, y, np.full_like(x, 1.2)], 1).astype(np.float32)  # 0.2 m behind the board
    color = Intrinsics.from_fov(640, 480, 0.6)
    depth_to_color = np.eye(4)
    depth_to_color[0, 3] = 0.08
    u = np.mgrid[:480, :640][1]
    board = (u - color.cx) / color.fx + 0.08 < 0
    depth = np.where(board, 1.0, 1.2).astype(np.float32)
    geometry = FrameGeometry(np.eye(4), color, color, depth_to_color)
    seen = wall[visible_by_depth(wall, geometry, depth).index, 0]
    single = wall[visible_by_depth(wall, geometry, depth, tolerance=COARSE_TOLERANCE).index, 0]
    # the depth camera sees 0.2 / 1.0 * 0.08 m of the wall past the board's edge
    assert -0.017 < single.min() < -0.012
    assert -0.003 < seen.min() < 0.006


def test_points_in_the_image_are_those_whose_pixel_is_in_it():
    rng = np.random.default_rng(0)
    points = rng.uniform(-3, 3, (20000, 3)).astype(np.float32)
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(np.array([0.4, 1.0, -0.3]))[0]
    pose[:3, 3] = 0.5, -0.2, 0.3
    image = Intrinsics(64, 48, 50.0, 52.0, 30.0, 25.0)
    made = points_in_image(points, FrameGeometry(pose, image, image, np.eye(4)))
    seen = (points.astype(np.float64) - pose[:3, 3]) @ pose[:3, :3]
    x, y, z = seen.T
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = 50 * x / z + 30, 52 * y / z + 25
    inside = (z > NEAR_M) & (u >= -0.5) & (u < 63.5) & (v >= -0.5) & (v < 47.5)
    assert len(made.index) == len(set(made.index.tolist()))
    # but for points within rounding of the image's edge
    assert len(set(made.index.tolist()) ^ set(np.nonzero(inside)[0].tolist())) <= 1
    np.testing.assert_allclose(made.u, u[made.index], atol=2e-3)
    np.testing.assert_allclose(made.v, v[made.index], atol=2e-3)
    np.testing.assert_allclose(made.camera, seen[made.index], atol=2e-6)


def test_points_behind_the_camera_and_outside_the_image_are_not_visible():
    image = Intrinsics.from_fov(8, 6, 1.0)
    geometry = FrameGeometry(np.eye(4), image, image, np.eye(4))
    points = np.float32([[0.1, 0.1, 2], [0, 0, -2], [5, 0, 2], [0, -5, 2], [0, 0, 0], [-1, 0.1, 2]])
    visible = visible_by_depth(points, geometry, np.full((6, 8), 2, np.float32))
    assert visible.index.tolist() == [0, 5]
    assert len(visible_by_depth(points[:0], geometry, np.full((6, 8), 2, np.float32))) == 0
    assert share_covered(splat(visible, 6, 8)) == 2 / 48


def test_a_depth_image_of_another_size_than_its_camera_is_refused():
    image = Intrinsics.from_fov(8, 6, 1.0)
    geometry = FrameGeometry(np.eye(4), image, image, np.eye(4))
    with pytest.raises(ValueError, match="10x6 pixels, its intrinsics are for 8x6"):
        visible_by_depth(np.zeros((1, 3), np.float32), geometry, np.zeros((6, 10), np.float32))
