# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("scipy")

from training.data.scan import Scan
from training.inspection import shown_surface as module
from training.inspection.shown_surface import shown_surface

TABLE = np.arange(65536).astype(np.uint16)


def wavy_sheet(side):
    """A grid of side x side vertices over 2 m x 2 m; label 1 left, 2 right of the middle."""
    y, x = np.mgrid[0:side, 0:side] * (2.0 / (side - 1))
    points = np.stack([x, y, 0.1 * np.sin(4 * x)], -1).reshape(-1, 3).astype(np.float32)
    labels = np.where(x < 1, 1, 2).ravel().astype(np.uint16)
    colors = np.where(labels[:, None] == 1, (250, 10, 10), (10, 10, 250)).astype(np.uint8)
    a = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    quads = np.stack([a, a + 1, a + side + 1, a + side], 1)
    faces = np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]]).astype(np.int32)
    return Scan(points, colors, labels, None, faces)


def area(points, faces):
    corners = points[faces].astype(np.float64)
    crossed = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return np.linalg.norm(crossed, axis=1).sum() / 2


def test_a_small_mesh_is_drawn_as_it_is():
    scan = wavy_sheet(10)
    shown = shown_surface(scan, TABLE)
    assert shown.points is scan.points and shown.faces is scan.faces
    assert shown.note == "The mesh is drawn as it is, with 162 triangles."


def test_a_large_mesh_keeps_shape_colours_and_labels(monkeypatch):
    monkeypatch.setattr(module, "MAX_TRIANGLES", 3000)
    scan = wavy_sheet(150)
    shown = shown_surface(scan, TABLE)
    assert 1000 < len(shown.faces) <= 3000
    assert f"{len(shown.faces):,} of the mesh's {len(scan.faces):,} triangles" in shown.note
    assert area(shown.points, shown.faces) == pytest.approx(area(scan.points, scan.faces), rel=0.06)
    x, _, z = shown.points.T
    np.testing.assert_allclose(z, 0.1 * np.sin(4 * x), atol=0.01)
    sure = np.abs(x - 1) > 0.02
    np.testing.assert_array_equal(shown.classes[sure], np.where(x < 1, 1, 2)[sure])
    np.testing.assert_array_equal(shown.colors[:, 0] == 250, shown.classes == 1)


def test_a_large_cloud_is_thinned_evenly(monkeypatch):
    monkeypatch.setattr(module, "MAX_POINTS", 2000)
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 2, (20_000, 3)).astype(np.float32)
    points[:15_000] *= 0.2  # most of them in one corner
    scan = Scan(points, rng.integers(1, 255, points.shape, np.uint8))
    shown = shown_surface(scan, TABLE)
    assert shown.faces is None and shown.classes is None
    assert 1000 < len(shown.points) <= 2000
    corner = (shown.points < 0.4).all(1).mean()
    assert corner < 0.1  # of the volume 0.8 %, of the points 75 %
    where = {tuple(p): tuple(c) for p, c in zip(points.tolist(), scan.colors.tolist(), strict=True)}
    for point, color in zip(shown.points.tolist(), shown.colors.tolist(), strict=True):
        assert where[tuple(point)] == tuple(color)


def test_a_stray_point_far_away_does_not_spoil_the_grid(monkeypatch):
    monkeypatch.setattr(module, "MAX_POINTS", 100)
    points = np.random.default_rng(0).uniform(0, 1, (500, 3)).astype(np.float32)
    points[0] = 1e7
    shown = shown_surface(Scan(points, np.ones((500, 3), np.uint8)), TABLE)
    assert len(shown.points) <= 100


def test_a_scan_without_colours_is_grey():
    scan = Scan(np.zeros((4, 3), np.float32), np.zeros((4, 3), np.uint8))
    assert (shown_surface(scan, TABLE).colors == 170).all()
