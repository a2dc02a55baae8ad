# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Maps of point indices against loops over all points."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.projection.feature_grid import PIXELS, FeatureGrid
from training.projection.splat import share_covered, splat
from training.projection.visible_points import NO_POINT, PointsInImage, VisiblePoints


def scattered(seed, count, width, height):
    """Points in random order of depth, many of which share a cell, some the very same depth."""
    rng = np.random.default_rng(seed)
    u = rng.uniform(-0.5, width - 0.5, count).astype(np.float32)
    v = rng.uniform(-0.5, height - 0.5, count).astype(np.float32)
    z = rng.uniform(0.5, 6.0, count).astype(np.float32)
    z[rng.random(count) < 0.2] = 2.5
    index = np.sort(rng.choice(10 * count, count, replace=False)).astype(np.intp)
    return PointsInImage(u, v, np.stack([u, v, z], 1), index)


def nearest_by_loop(points, height, width, stride, first_centre, matrix):
    rows, columns = math.ceil(height / stride), math.ceil(width / stride)
    best = {}
    for u, v, (_, _, z), index in zip(
        points.u.tolist(),
        points.v.tolist(),
        points.camera.tolist(),
        points.index.tolist(),
        strict=True,
    ):
        x, y = matrix @ [u, v, 1]
        cell = tuple(math.floor((p - first_centre) / stride + 0.5) for p in (y, x))
        inside = -0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5
        if inside and 0 <= cell[0] < rows and 0 <= cell[1] < columns:
            best[cell] = min(best.get(cell, (math.inf, 0)), (z, index))
    result = np.full((rows, columns), NO_POINT, np.uint32)
    for cell, (_, index) in best.items():
        result[cell] = index
    return result


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("stride", "first_centre"), [(1, 0.0), (3, 1.0), (4, 1.5), (8, 3.5), (8, 0.0), (16, 7.5)]
)
def test_the_nearest_point_of_a_cell_wins(seed, stride, first_centre):
    points = scattered(seed, 3000, 97, 65)
    made = splat(points.visible(), 65, 97, FeatureGrid(stride, first_centre))
    identity = np.eye(2, 3)
    expected = nearest_by_loop(points, 65, 97, stride, first_centre, identity)
    assert made.dtype == np.uint32
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("stride", [1, 4, 8])
def test_an_affine_map_moves_the_points(stride):
    points = scattered(9, 3000, 97, 65)
    matrix = np.array([[-1.5, 0.25, 140.0], [0.125, 1.25, -20.0]])
    made = splat(points.visible(), 50, 80, FeatureGrid.from_edges(stride), matrix=matrix)
    expected = nearest_by_loop(points, 50, 80, stride, (stride - 1) / 2, matrix)
    # single precision puts a point in a hundred thousand to the other side of an edge
    assert (made != expected).mean() < 1e-3
    assert (made != NO_POINT).any()


def test_cells_from_the_edges_are_blocks_of_pixels():
    points = scattered(1, 2000, 64, 48)
    cells = splat(points.visible(), 48, 64, FeatureGrid.from_edges(8))
    pixels = splat(points.visible(), 48, 64)
    z = dict(zip(points.index.tolist(), points.camera[:, 2].tolist(), strict=True))
    for row in range(6):
        for column in range(8):
            block = pixels[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            inside = block[block != NO_POINT].tolist()
            wanted = min(inside, key=lambda i: (z[i], i)) if inside else NO_POINT
            assert cells[row, column] == wanted


def test_with_aligned_corners_the_first_and_last_feature_lie_on_the_edge_pixels():
    one = np.ones(1, np.float32)
    for pixel, feature in ((0, 0), (3.9, 0), (4.1, 1), (468.1, 59), (472, 59)):
        at = VisiblePoints(pixel * one, pixel * one, np.array([7], np.uint32))
        made = splat(at, 473, 473, FeatureGrid.aligned_corners(8))
        assert made.shape == (60, 60)
        assert made[feature, feature] == 7
        assert (made != NO_POINT).sum() == 1


def test_the_first_point_of_a_scan_is_a_point():
    one = VisiblePoints(np.float32([3]), np.float32([2]), np.array([0], np.uint32))
    made = splat(one, 5, 6)
    assert made[2, 3] == 0
    assert (made == NO_POINT).sum() == 29


def test_no_points_cover_nothing():
    nothing = VisiblePoints(np.float32([]), np.float32([]), np.array([], np.uint32))
    for grid in (PIXELS, FeatureGrid.from_edges(8)):
        index_map = splat(nothing, 4, 6, grid)
        assert (index_map == NO_POINT).all()
        assert share_covered(index_map) == 0


def test_what_is_covered_is_the_share_of_pixels_with_a_point():
    at = VisiblePoints(
        np.float32([0, 0.4, 2, 5]), np.float32([0, 0.2, 1, 3]), np.arange(4, dtype=np.uint32)
    )
    assert share_covered(splat(at, 4, 6)) == 3 / 24


def test_visible_points_are_ordered_from_near_to_far_and_then_by_index():
    points = scattered(2, 5000, 30, 20)
    seen = points.visible()
    place = {index: k for k, index in enumerate(points.index.tolist())}
    order = [place[index] for index in seen.index.tolist()]
    keys = [(points.camera[k, 2], k) for k in order]
    assert keys == sorted(keys)
    assert sorted(order) == list(range(5000))
    np.testing.assert_array_equal(seen.u, points.u[order])
    np.testing.assert_array_equal(seen.v, points.v[order])
    assert (seen.u.dtype, seen.v.dtype, seen.index.dtype) == (np.float32, np.float32, np.uint32)
