# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Fused depth images against the surfaces that they were computed from."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("open3d")

from training.data.intrinsics import Intrinsics
from training.data.tsdf_fusion import FusionError, TsdfFusion

CAMERA = Intrinsics(160, 120, 130.0, 130.0, 79.5, 59.5)
VOXEL = 0.02
SIDES = np.array([2.0, 1.6, 1.2])
"""Of a box from the origin, seen from within."""


def pose_of(eye, yaw, pitch=0.0):
    """Camera to world, looking along x at yaw 0; the world's z is up."""
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], 1)
    pose[:3, 3] = eye
    return pose


def box_depth(pose):
    """Depth image of the box's inside, in closed form."""
    directions = CAMERA.rays().astype(np.float64) @ pose[:3, :3].T
    with np.errstate(divide="ignore"):
        far = np.where(directions > 0, (SIDES - pose[:3, 3]) / directions, np.inf)
        near = np.where(directions < 0, -pose[:3, 3] / directions, np.inf)
    depth = np.minimum(far, near).min(1)
    return depth.reshape(CAMERA.height, CAMERA.width).astype(np.float32)


def grey(depth):
    return np.full((*depth.shape, 3), 0.5, np.float32)


def views():
    return [pose_of(SIDES / 2, yaw, pitch) for yaw in np.arange(0.1, 6, 0.6) for pitch in (-0.5, 0)]


def fuse(poses, **options):
    fusion = TsdfFusion(VOXEL, 4.0, **options)
    for pose in poses:
        depth = box_depth(pose)
        fusion.add(depth, grey(depth), CAMERA, pose)
    return fusion


def test_vertices_of_a_box_lie_within_half_a_voxel_of_its_sides():
    mesh = fuse(views()).mesh()
    away = np.abs(np.stack([mesh.vertices, mesh.vertices - SIDES], -1)).reshape(-1, 6)
    from_sides = np.sort(away, 1)
    off_edges = from_sides[:, 1] > 3 * VOXEL  # edges are rounded
    assert off_edges.sum() > 20_000
    assert from_sides[off_edges, 0].max() < VOXEL / 2
    assert from_sides[:, 0].max() < 2 * VOXEL
    # All four walls and the floor are there.
    for column in (0, 1, 2, 3, 4):
        assert (away[:, column] < VOXEL / 2).sum() > 2000
    assert np.isin(mesh.colors, (127, 128)).all()


def test_faces_look_at_the_camera():
    mesh = fuse([pose_of(SIDES / 2, 0.0)]).mesh(least_views=1)
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    towards = ((SIDES / 2 - corners.mean(1)) * normals).sum(1)
    assert (towards > 0).mean() > 0.999


def test_the_same_images_give_the_same_mesh_in_the_same_order():
    first, second = (fuse(views()[:6]).mesh() for _ in range(2))
    for name in ("vertices", "colors", "faces"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_what_lies_beyond_the_reach_or_was_seen_too_seldom_is_left_out():
    pose = pose_of([0.5, 0.8, 0.6], 0.0)  # the wall ahead is 1.5 m away
    depth = box_depth(pose)
    fusion = TsdfFusion(VOXEL, 1.4)
    fusion.add(depth, grey(depth), CAMERA, pose)
    vertices = fusion.mesh(least_views=1).vertices
    assert 1.8 < vertices[:, 0].max() < 1.92
    with pytest.raises(FusionError, match="no surface"):
        fusion.mesh(least_views=2)


def test_a_surface_too_large_for_the_memory_is_refused_before_it_is_stored():
    with pytest.raises(FusionError, match=r"more than 100 cubes of 16 cm"):
        fuse(views(), max_blocks=100)


def test_the_grid_grows_beyond_what_it_starts_with(monkeypatch):
    expected = fuse(views()).mesh()
    monkeypatch.setattr("training.data.tsdf_fusion.START_BLOCKS", 20)
    grown = fuse(views()).mesh()
    np.testing.assert_array_equal(grown.vertices, expected.vertices)
    np.testing.assert_array_equal(grown.faces, expected.faces)


def test_images_without_a_measurement_make_no_mesh():
    fusion = TsdfFusion(VOXEL, 4.0)
    with pytest.raises(FusionError, match="no depth image has a measurement"):
        fusion.mesh()
    empty = np.zeros((CAMERA.height, CAMERA.width), np.float32)
    fusion.add(empty, grey(empty), CAMERA, np.eye(4))
    with pytest.raises(FusionError, match="no depth image has a measurement"):
        fusion.mesh()
