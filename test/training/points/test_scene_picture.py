# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Views of scenes from above: which point a pixel shows."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

from training.points import scene_picture
from training.points.scene_picture import seen_points


def grid(height, number=40):
    x, y = np.meshgrid(np.linspace(0, 4, number), np.linspace(0, 3, number))
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, height)], 1).astype(np.float32)


def test_what_is_on_top_hides_what_lies_below():
    floor, table = grid(0.0), grid(0.7)
    seen = seen_points(np.concatenate([floor, table]), side=160)
    shown = seen[seen >= 0]
    assert max(seen.shape) == 160
    # the table, which covers the floor but for a strip at its front
    assert 0.6 < (shown >= len(floor)).mean() < 0.95


def test_the_ceiling_is_taken_off():
    floor, ceiling = grid(0.0), grid(2.5)
    seen = seen_points(np.concatenate([floor, ceiling]))
    assert seen.max() < len(floor)
    assert len(np.unique(seen[seen >= 0])) > 0.9 * len(floor)


def test_one_point_is_a_dot():
    seen = seen_points(np.array([[1, 2, 3]], np.float32))
    assert (seen == 0).sum() == 9
    assert set(seen.ravel()) == {-1, 0}


def seen_point_by_point(points, side):
    """The same view, dot by dot from the farthest point to the nearest."""
    turn, lean = math.radians(20), math.radians(30)
    shown = np.flatnonzero(points[:, 2] <= np.percentile(points[:, 2], 1) + 1.9)
    x, y, z = points[shown].astype(np.float64).T
    across = x * math.cos(turn) - y * math.sin(turn)
    along = x * math.sin(turn) + y * math.cos(turn)
    down = -(along * math.cos(lean) + z * math.sin(lean))
    height = z * math.cos(lean) - along * math.sin(lean)
    scale = (side - 9) / max(np.ptp(across), np.ptp(down))
    columns = ((across - across.min()) * scale).astype(int) + 4
    rows = ((down - down.min()) * scale).astype(int) + 4
    picture = np.full((rows.max() + 5, columns.max() + 5), -1)
    for k in np.argsort(height, kind="stable"):
        picture[rows[k] - 1 : rows[k] + 2, columns[k] - 1 : columns[k] + 2] = shown[k]
    return picture


@pytest.mark.parametrize("chunk", [7, 500, 2**18])
def test_each_pixel_shows_the_nearest_of_the_points_whose_dots_reach_it(monkeypatch, chunk):
    monkeypatch.setattr(scene_picture, "_CHUNK", chunk)
    rng = np.random.default_rng(0)
    points = (rng.random((2000, 3)) * [4, 3, 2.6]).astype(np.float32)
    # points at one place are equally near
    points = np.concatenate([points, points[::3], grid(0.5)])
    assert np.array_equal(seen_points(points, 90), seen_point_by_point(points, 90))


def test_a_large_scene_takes_little_memory():
    points = (np.random.default_rng(0).random((1_500_000, 3)) * [9, 9, 2]).astype(np.float32)
    tracemalloc.start()
    try:
        seen_points(points)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
