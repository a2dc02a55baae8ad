# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Real features by class, as they are drawn."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

WIDTH, NONE = 3, 255


def test_vectors_are_those_of_points_of_the_asked_class(new_pool, pool_data):
    pool = new_pool()
    labels = np.concatenate([scan.labels for scan in pool_data.scans.values()])
    expected = [int((labels == k).sum()) for k in range(4)]
    assert pool.seen.tolist() == expected and not pool.defects
    assert [pool.held(k) for k in range(4)] == expected
    assert pool.classes_without_points == [3]
    vectors, classes = pool.draw(5, [2, 0, 3, NONE, 1], 40)
    assert vectors.dtype == torch.float32 and classes.tolist() == [2] * 40 + [0] * 40 + [1] * 40
    for (label, scene, point), class_id in zip(vectors.int().tolist(), classes, strict=True):
        assert label == class_id
        assert list(pool_data.scans.values())[scene].labels[point] == class_id
    assert {scene for _, scene, _ in vectors[classes == 0].tolist()} == {0, 1, 2}


def test_what_is_drawn_depends_on_seed_step_and_process_alone(new_pool):
    pool, again = new_pool(per_class=50), new_pool(per_class=50)
    first = pool.draw(7, [0, 1], 20)[0]
    again.draw(3, [1], 5)
    assert torch.equal(again.draw(7, [0, 1], 20)[0], first)
    assert torch.equal(again.draw(7, [1, 2, 0], 20)[0][40:], first[:20])
    others = (pool.draw(8, [0, 1], 20), pool.draw(7, [0, 1], 20, rank=1))
    others += (new_pool(per_class=50, seed=1).draw(7, [0, 1], 20),)
    assert not any(torch.equal(other[0], first) for other in others)


def test_numbers_may_differ_by_class(new_pool):
    classes = new_pool().draw(0, [1, 0, 3], [4, 2, 9])[1]
    assert classes.tolist() == [1] * 4 + [0] * 2
    vectors, classes = new_pool().draw(0, [], 3)
    assert vectors.shape == (0, WIDTH) and classes.shape == (0,)
