# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip("open3d")

from training.rendering.lamps import floor_lamp, table_lamp
from training.rendering.nyu40 import NYU40
from training.rendering.scene import SceneBuilder


@pytest.mark.parametrize("make", [table_lamp, floor_lamp])
def test_lamps_are_lit_or_not_and_light_leaves_them_up_and_down(make):
    lamps = [make(np.random.default_rng(seed)) for seed in range(40)]
    lit = [lamp for lamp in lamps if lamp.lights]
    assert 10 < len(lit) < 30
    for lamp in lit:
        assert lamp.parts[0][1] == NYU40["lamp"]
        down, up = lamp.lights
        for light, sign in ((down, -1), (up, 1)):
            normal = np.cross(light.edge_u, light.edge_v)
            assert sign * normal[2] > 0 and np.allclose(normal[:2], 0)
            assert (light.radiance > 0).all()
        assert up.corner[2] > lamp.size[2] > down.corner[2]


def test_a_lamps_light_goes_where_the_lamp_is_put():
    lamp = next(
        lamp for lamp in map(table_lamp, map(np.random.default_rng, range(20))) if lamp.lights
    )
    builder = SceneBuilder()
    lamp.add_to(builder, 2.0, 3.0, 0.7, np.pi / 2)
    for before, after in zip(lamp.lights, builder.lights, strict=True):
        middle = after.corner + (after.edge_u + after.edge_v) / 2
        height = before.corner[2] + 0.7
        assert np.allclose(middle, (2.0, 3.0, height), atol=1e-5)
        assert np.allclose(after.edge_u[:2], (-before.edge_u[1], before.edge_u[0]), atol=1e-6)
