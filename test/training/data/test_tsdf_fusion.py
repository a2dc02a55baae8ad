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
    assert off_edges.sum() > 15_000
    assert from_sides[off_edges, 0].max() < VOXEL / 5
    assert from_sides[:, 0].max() < 2 * VOXEL
    # All four walls and the floor are there.
    for column in (0, 1, 2, 3, 4):
        assert (away[:, column] < VOXEL / 2).sum() > 2000
    assert np.isin(mesh.colors, (127, 128)).all()


def tilted(slope):
    """Depth of the plane z = 1.5 m + slope . (x, y) before a camera at the origin, closed form."""
    rays = CAMERA.rays().astype(np.float64)
    depth = 1.5 / (1 - rays[:, :2] @ slope)
    return depth.reshape(CAMERA.height, CAMERA.width).astype(np.float32)


def within(vertices):
    """Pixels of the vertices, and which are not at the image's margin, where depth ends."""
    pixels = vertices[:, :2] / vertices[:, 2:] * [CAMERA.fx, CAMERA.fy] + [CAMERA.cx, CAMERA.cy]
    size = np.array([CAMERA.width, CAMERA.height])
    return pixels, ((pixels > 2) & (pixels < size - 3)).all(1)


@pytest.mark.parametrize("turn", range(0, 360, 45))
def test_a_plane_lies_where_it_was_whichever_way_it_is_tilted(turn):
    slope = np.tan(np.deg2rad(40)) * np.array([np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))])
    depth = tilted(slope)
    fusion = TsdfFusion(VOXEL, 4.0)
    fusion.add(depth, grey(depth), CAMERA, np.eye(4))
    vertices = fusion.mesh(least_views=1).vertices.astype(np.float64)
    _, inside = within(vertices)
    normal = np.array([*slope, -1.0]) / np.hypot(1, np.linalg.norm(slope))
    away = (vertices[inside] - [0, 0, 1.5]) @ normal
    assert len(away) > 5000
    assert np.median(np.abs(away)) < 2e-3
    # Half a pixel's error is 5 mm here, and changes its sign with the tilt's.
    assert abs(np.median(away)) < 1e-3
    assert abs(away.mean()) < 1e-3


@pytest.mark.parametrize("axis", [0, 1])
def test_colours_are_those_of_the_pixels_that_show_them(axis):
    depth = tilted(np.array([0.3, -0.2]))
    place = np.indices(depth.shape)[1 - axis].astype(np.float32)
    ramp = place / 200
    edge = (place >= 60).astype(np.float32)  # so between pixels 59 and 60
    fusion = TsdfFusion(VOXEL / 4, 4.0)
    fusion.add(depth, np.stack([ramp, edge, 1 - edge], -1), CAMERA, np.eye(4))
    mesh = fusion.mesh(least_views=1)
    pixels, inside = within(mesh.vertices)
    where = pixels[inside, axis]
    red, green, blue = mesh.colors[inside].astype(np.float64).T / 255
    # An 8-bit step is 0.8 pixels; the mean of thousands of vertices is far better.
    assert abs(np.mean(200 * red - where)) < 0.1
    assert where[green < 0.5].max() < 60.1
    assert where[green > 0.5].min() > 58.9
    np.testing.assert_allclose(green + blue, 1, atol=0.01)


def test_a_wall_at_a_round_number_has_no_more_vertices_than_any_other():
    found = []
    for distance in (1.5, 1.509):  # in a plane of voxels, and between two
        depth = np.full((CAMERA.height, CAMERA.width), distance, np.float32)
        depth += np.random.default_rng(0).normal(0, 1e-4, depth.shape).astype(np.float32)
        fusion = TsdfFusion(VOXEL, 4.0)
        fusion.add(depth, grey(depth), CAMERA, np.eye(4))
        found.append(len(fusion.mesh(least_views=1).vertices))
    assert abs(found[0] - found[1]) < 0.1 * found[1]


def test_the_surface_reaches_beyond_the_centres_of_the_outermost_pixels():
    """Also where the size is no multiple of the steps in which blocks are looked for."""
    depth = np.full((49, 61), 1.62, np.float32)
    fusion = TsdfFusion(0.015, 4.0)
    fusion.add(depth, grey(depth), Intrinsics(61, 49, 60.0, 60.0, 30.0, 24.0), np.eye(4))
    pixels = fusion.mesh(least_views=1).vertices[:, :2] * 60 / 1.62 + [30.0, 24.0]
    assert ((pixels.min(0) > -0.5) & (pixels.min(0) < -0.1)).all()
    beyond = pixels.max(0) - [60.0, 48.0]
    assert ((beyond > 0.1) & (beyond < 0.5)).all()


def test_a_measurement_in_the_last_rows_alone_is_used():
    depth = np.zeros((50, 63), np.float32)
    depth[48:] = 1.5
    fusion = TsdfFusion(VOXEL, 4.0)
    fusion.add(depth, grey(depth), Intrinsics(63, 50, 60.0, 60.0, 31.0, 24.5), np.eye(4))
    assert len(fusion.mesh(least_views=1).vertices) > 50


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
