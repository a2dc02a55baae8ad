# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The depth test against the same rule written as loops in double precision."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.projection.depth_test import (
    COARSE_TOLERANCE,
    DepthTolerance,
    on_measured_surface,
)


def blocks(seed, height=40, width=50):
    """A depth image of slanted planes with edges between them and holes."""
    rng = np.random.default_rng(seed)
    depth = np.zeros((height, width), np.float32)
    for top in range(0, height, 10):
        for left in range(0, width, 10):
            v, u = np.mgrid[:10, :10]
            inverse = rng.uniform(0.2, 1.5) + rng.uniform(-0.01, 0.01) * u
            inverse = inverse + rng.uniform(-0.01, 0.01) * v
            depth[top : top + 10, left : left + 10] = 1 / inverse
    depth[rng.random(depth.shape) < 0.03] = 0
    return depth


def candidates(depth, seed, count=20000):
    """Points all over the image and around it, most of them near the measured depth."""
    rng = np.random.default_rng(seed)
    height, width = depth.shape
    u = rng.uniform(-3, width + 2, count).astype(np.float32)
    v = rng.uniform(-3, height + 2, count).astype(np.float32)
    near = depth[
        np.clip(np.rint(v), 0, height - 1).astype(int),
        np.clip(np.rint(u), 0, width - 1).astype(int),
    ]
    z = np.abs(near + rng.normal(0, 0.08, count)).astype(np.float32) + np.float32(0.01)
    return u, v, z


def by_loop(depth, u, v, z, tolerance):
    """The answer, and by how much it was missed."""
    height, width = depth.shape

    def measured(row, column):
        inside = 0 <= row < height and 0 <= column < width
        return float(depth[row, column]) if inside else 0.0

    row, column = round(v), round(u)
    d = measured(row, column)
    if d == 0:
        return False, math.inf
    allowed = max(tolerance.metres, tolerance.share * d)
    if not tolerance.local_plane:
        return abs(z - d) < allowed, abs(abs(z - d) - allowed)
    around = [measured(row, column - 1), measured(row, column + 1)]
    around += [measured(row - 1, column), measured(row + 1, column)]
    if min(around) > 0:
        left, right, above, below = (1 / other for other in around)
        bend = max(abs(left + right - 2 / d), abs(above + below - 2 / d)) * d * d
        margin = abs(bend - allowed / 2)
        if bend < allowed / 2:
            plane = 1 / d + (right - left) / 2 * (u - column) + (below - above) / 2 * (v - row)
            off = abs(z - 1 / plane)
            return off < allowed, min(margin, abs(off - allowed))
    else:
        margin = math.inf
    nearest = min(
        other
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
        if (other := measured(row + i, column + j)) > 0
    )
    behind, before = z - nearest, d - z
    margin = min(margin, abs(behind - allowed), abs(before - allowed))
    return behind < allowed and before < allowed, margin


@pytest.mark.parametrize(
    "tolerance",
    [
        DepthTolerance(),
        DepthTolerance(0.03),
        DepthTolerance(0.05, 0.02),
        DepthTolerance(0.05, local_plane=False),
        COARSE_TOLERANCE,
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_every_point_is_judged_as_by_the_loop(seed, tolerance):
    depth = blocks(seed)
    u, v, z = candidates(depth, seed + 50)
    made = on_measured_surface(depth, u, v, z, tolerance)
    points = zip(u.tolist(), v.tolist(), z.tolist(), strict=True)
    expected, margin = np.array([by_loop(depth, *point, tolerance) for point in points]).T
    sure = margin > 1e-5
    assert sure.mean() > 0.99
    np.testing.assert_array_equal(made[sure], expected[sure].astype(bool))
    assert 0.1 < made.mean() < 0.9


def test_the_coarse_tolerance_takes_a_tenth_of_a_metre_or_a_twentieth():
    depth = np.full((3, 3), 1.0, np.float32)
    far = np.full((3, 3), 6.0, np.float32)
    one = np.ones(1, np.float32)

    def taken(image, z):
        return bool(on_measured_surface(image, one, one, np.float32([z]), COARSE_TOLERANCE)[0])

    assert [taken(depth, z) for z in (0.89, 0.91, 1.09, 1.11)] == [False, True, True, False]
    assert [taken(far, z) for z in (5.69, 5.71, 6.29, 6.31)] == [False, True, True, False]


def test_a_slanted_floor_keeps_its_points_where_pixels_are_far_apart():
    # from 1.5 m above, 60 pixels focal length: at row 30 below the middle one pixel is 0.1 m
    v = np.mgrid[:60, :80][0].astype(np.float32)
    depth = np.where(v > 15, np.float32(1.5 * 60) / np.maximum(v - 5, 1), 0).astype(np.float32)
    rng = np.random.default_rng(0)
    row = rng.uniform(20, 58, 5000).astype(np.float32)
    column = rng.uniform(1, 78, 5000).astype(np.float32)
    z = np.float32(90) / (row - 5)
    assert on_measured_surface(depth, column, row, z, DepthTolerance()).all()
    single = DepthTolerance(local_plane=False)
    assert on_measured_surface(depth, column, row, z, single).mean() < 0.85


def test_background_beside_a_nearer_edge_is_left_out_and_the_edge_itself_is_kept():
    depth = np.full((20, 20), 3.0, np.float32)
    depth[:, :10] = 1.0
    column = np.float32([8.9, 9.2, 9.6, 10.4, 10.6, 11.2])
    row = np.full(6, 9.7, np.float32)
    near = on_measured_surface(depth, column, row, np.full(6, 1, np.float32), DepthTolerance())
    far = on_measured_surface(depth, column, row, np.full(6, 3, np.float32), DepthTolerance())
    assert near.tolist() == [True, True, False, False, False, False]
    assert far.tolist() == [False, False, False, False, True, True]


def test_nothing_is_taken_where_nothing_was_measured():
    nothing = np.zeros((6, 8), np.float32)
    u, v, z = candidates(nothing, 0, 500)
    for tolerance in (DepthTolerance(), COARSE_TOLERANCE):
        assert not on_measured_surface(nothing, u, v, z, tolerance).any()
        assert len(on_measured_surface(nothing, u[:0], v[:0], z[:0], tolerance)) == 0


def test_depth_images_are_not_changed():
    depth = blocks(3)
    before = depth.copy()
    on_measured_surface(depth, *candidates(depth, 0, 100), DepthTolerance())
    np.testing.assert_array_equal(depth, before)
