# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A reconstructed room against the true one, and its files."""

from __future__ import annotations

import numpy as np
import pytest

o3d = pytest.importorskip("open3d")
trimesh = pytest.importorskip("trimesh")

from training.rendering.layout import furnish  # noqa: E402
from training.rendering.nyu40 import NYU40  # noqa: E402
from training.rendering.scan import VOXEL_M, scan_room, write_scan  # noqa: E402


@pytest.fixture(scope="module")
def furnished():
    return furnish("bedroom", None, np.random.default_rng(4))


@pytest.fixture(scope="module")
def mesh(furnished):
    return scan_room(furnished, np.random.default_rng(0))


def distances(points, triangles):
    """Of points to the nearest of some triangles, and which that is, by brute force in float64."""
    found = trimesh.triangles.closest_point
    nearest, which = [], []
    for point in points.astype(np.float64):
        spots = found(triangles, np.broadcast_to(point, (len(triangles), 3)))
        away = np.linalg.norm(spots - point, axis=1)
        nearest.append(away.min())
        which.append(away.argmin())
    return np.array(nearest), np.array(which)


def test_vertices_lie_on_true_surfaces(furnished, mesh):
    step = max(1, len(mesh.vertices) // 150)
    found, triangle = distances(mesh.vertices[::step], furnished.scene.vertices.astype(np.float64))
    assert np.median(found) < 0.5 * VOXEL_M
    assert np.percentile(found, 95) < 2 * VOXEL_M
    # the label is that of the nearest triangle, where no other lies as near
    assert (furnished.scene.label[triangle] == mesh.labels[::step]).mean() > 0.95


def test_the_floor_is_level_and_large_parts_are_seen(furnished, mesh):
    room = furnished.room
    floor = mesh.vertices[mesh.labels == NYU40["floor"]]
    assert abs(np.median(floor[:, 2])) < VOXEL_M
    corners = mesh.vertices[mesh.faces]
    edges = corners[:, 1:] - corners[:, :1]
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=-1).sum() / 2
    shell = 2 * (room.width * room.depth + (room.width + room.depth) * room.height)
    assert 0.5 * shell < area < 2.5 * shell  # ceilings are hardly seen, as in ScanNet
    # like triangles of ScanNet: some centimetres, and none that spans a gap
    assert np.linalg.norm(edges, axis=-1).max() < 3 * VOXEL_M


@pytest.mark.parametrize("kind", ["bathroom", "office"])
def test_most_of_the_floor_that_nothing_stands_on_is_scanned(kind):
    furnished = furnish(kind, None, np.random.default_rng(1))
    mesh = scan_room(furnished, np.random.default_rng(0))
    scene, room = furnished.scene, furnished.room
    # places of the floor over which there is nothing up to the scanner's height
    x, y = np.meshgrid(np.arange(0.1, room.width, 0.1), np.arange(0.1, room.depth, 0.1))
    places = np.stack([x.ravel(), y.ravel()], -1)
    low = scene.vertices.reshape(-1, 3, 3)
    standing = low[(scene.label != NYU40["floor"]) & (low[..., 2].min(1) < 1.5)]
    bare = np.ones(len(places), bool)
    for triangle in standing:
        below, above = triangle[:, :2].min(0) - 0.05, triangle[:, :2].max(0) + 0.05
        bare &= ~((places >= below) & (places <= above)).all(1)
    floor = mesh.vertices[mesh.labels == NYU40["floor"], :2]
    away = np.linalg.norm(places[bare][:, None] - floor[None], axis=-1).min(1)
    assert bare.mean() > 0.2
    assert (away < 2 * VOXEL_M).mean() > 0.9


def test_the_same_seed_gives_the_same_mesh(furnished, mesh):
    again = scan_room(furnished, np.random.default_rng(0))
    for name in ("vertices", "colors", "labels", "instances", "faces"):
        np.testing.assert_array_equal(getattr(again, name), getattr(mesh, name))
    other = scan_room(furnished, np.random.default_rng(1))
    assert len(other.vertices) != len(mesh.vertices)


def test_files_read_back(mesh, tmp_path):
    write_scan(tmp_path, "scene0003_00", mesh)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "scene0003_00_vh_clean_2.labels.ply",
        "scene0003_00_vh_clean_2.ply",
    ]
    path = tmp_path / "scene0003_00_vh_clean_2.labels.ply"
    header = path.read_bytes()[:500].split(b"end_header")[0].decode()
    for line in (
        "format binary_little_endian 1.0",
        "property uchar alpha",
        "property ushort label",
        "property list uchar int vertex_indices",
    ):
        assert line in header.splitlines()
    # an independent reader
    read = o3d.t.io.read_triangle_mesh(str(path))
    np.testing.assert_array_equal(read.vertex.positions.numpy(), mesh.vertices)
    np.testing.assert_array_equal(read.triangle.indices.numpy(), mesh.faces)
    colors = np.rint(255 * read.vertex.colors.numpy()[:, :3])
    np.testing.assert_array_equal(colors, mesh.colors)
    loaded = trimesh.load(path, process=False)
    raw = loaded.metadata["_ply_raw"]["vertex"]["data"]
    np.testing.assert_array_equal(raw["label"].ravel(), mesh.labels)
