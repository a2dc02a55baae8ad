# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip("open3d")

from training.data.intrinsics import Intrinsics
from training.rendering.layout import furnish
from training.rendering.nyu40 import NYU40
from training.rendering.render import render_ground_truth
from training.rendering.views import view_across

TOPS = [NYU40[name] for name in ("table", "desk", "counter")]
CAMERA = Intrinsics.from_fov(64, 48, 1.1)


@pytest.mark.parametrize("kind", ["kitchen", "dining_room", "office"])
def test_a_view_across_has_the_top_below_and_something_farther_above(kind):
    good = total = 0
    for seed in range(2):
        furnished = furnish(kind, None, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        for pose in (view_across(furnished, rng) for _ in range(8)):
            if pose is None:
                continue
            eye = pose[:3, 3]
            assert 0 < eye[0] < furnished.room.width and 0 < eye[1] < furnished.room.depth
            assert 1.0 <= eye[2] <= 1.8
            truth = render_ground_truth(furnished.scene, CAMERA, pose)
            below, above = np.isin(truth.label[32:], TOPS), truth.depth[:16]
            total += 1
            good += bool(below.mean() > 0.15 and np.median(above) > truth.depth[32:][below].min())
    assert total >= 10
    assert good > 0.4 * total  # walls and other things get between


def test_an_empty_room_has_no_view_across():
    furnished = furnish("corridor", None, np.random.default_rng(0))
    furnished.plan.placed.clear()
    assert view_across(furnished, np.random.default_rng(0)) is None
