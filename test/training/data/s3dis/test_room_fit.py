# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np

from training.data.intrinsics import Intrinsics
from training.data.s3dis.room_fit import GRID, OccupiedSpace, places_seen, share_met


def test_places_are_near_where_brute_force_finds_a_voxel_beside():
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (3000, 3)).astype(np.float32)
    places = rng.uniform(-1.4, 1.4, (2000, 3))
    near = OccupiedSpace(points).near(places)
    voxels = np.floor(points.astype(np.float64) / 0.05)
    gaps = np.abs(np.floor(places / 0.05)[:, None] - voxels).max(2).min(1)
    np.testing.assert_array_equal(near, gaps <= 1)
    assert 0.1 < near.mean() < 0.9


def test_a_place_within_5_cm_is_near_and_one_beyond_17_cm_is_not():
    rng = np.random.default_rng(1)
    point = rng.uniform(-5, 5, (1, 3)).astype(np.float32)
    ways = rng.normal(size=(500, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    space = OccupiedSpace(point)
    assert space.near(point + 0.049 * ways).all()
    assert not space.near(point + 0.174 * ways).any()
    assert not space.near(point + 1e3 * ways).any()


def test_places_seen_project_back_to_their_pixels_and_depth():
    rng = np.random.default_rng(2)
    intrinsics = Intrinsics(50, 40, 30.0, 31.0, 24.5, 19.5)
    depth = rng.uniform(1, 4, (40, 50))
    depth[rng.random(depth.shape) < 0.3] = 0
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    pose = np.eye(4)
    pose[:3, :3] = rotation * np.sign(np.linalg.det(rotation))
    pose[:3, 3] = (3, -2, 5)
    places = places_seen(depth, intrinsics, pose)
    assert 0.5 * GRID**2 < len(places) < 0.9 * GRID**2
    camera = (places - pose[:3, 3]) @ pose[:3, :3]
    u, v, w = (camera @ intrinsics.matrix.T).T
    u, v = u / w, v / w
    assert np.abs(u - u.round()).max() < 1e-6 and np.abs(v - v.round()).max() < 1e-6
    np.testing.assert_allclose(depth[v.round().astype(int), u.round().astype(int)], w)


def box(count, rng):
    """Points on a box of 4 x 3 x 2.5 m."""
    points = rng.uniform(0, 1, (count, 3))
    axis = rng.integers(0, 3, count)
    points[np.arange(count), axis] = rng.integers(0, 2, count)
    return points * [4, 3, 2.5]


def test_a_room_is_met_as_it_stands_and_not_when_it_is_turned():
    rng = np.random.default_rng(3)
    points = box(60000, rng).astype(np.float32)
    frames = [box(600, rng) for _ in range(3)]
    assert share_met(points, frames) > 0.95
    turned = [np.stack([3.5 - f[:, 1], f[:, 0] - 0.5, f[:, 2]], 1) for f in frames]
    assert share_met(points, turned) < 0.2
    assert share_met(points, [f + np.array([0.4, 0.4, 0]) for f in frames]) < 0.2


def test_too_little_tells_nothing():
    rng = np.random.default_rng(4)
    points = box(1000, rng).astype(np.float32)
    assert share_met(points, [box(600, rng)] * 2) is None
    floor = [box(600, rng) * [1, 1, 0] for _ in range(3)]
    assert share_met(points, floor) is None
    assert share_met(points, []) is None
