# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Views of scenes from above: which point a pixel shows."""

from __future__ import annotations

import numpy as np

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
