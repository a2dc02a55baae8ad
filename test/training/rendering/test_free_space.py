# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip("open3d")

from training.rendering.free_space import FreeSpace
from training.rendering.mesh import box, plain
from training.rendering.room import Room
from training.rendering.scene import SceneBuilder

MATT = plain((0.5, 0.5, 0.5))


def test_a_place_is_free_where_walls_and_things_are_farther_than_the_radius():
    room = Room(3.0, 2.0, 2.5)
    builder = SceneBuilder()
    builder.add(box((0, 0, 0), (3, 2, 2.5), MATT), 1)
    builder.add(box((1.2, 0.8, 0.0), (1.6, 1.2, 0.5), MATT), 5)
    scene = builder.build()
    low, high = (FreeSpace(scene, room, 0.25, (height,)) for height in (0.3, 1.0))
    rng = np.random.default_rng(0)
    # the middles of cells, at which the grid was measured
    places = (rng.integers(0, (30, 20), (500, 2)) + 0.5) * 0.1
    from_walls = np.minimum(places, (3, 2) - places).min(1)
    outside = np.maximum(np.maximum((1.2, 0.8) - places, places - (1.6, 1.2)), 0)
    from_box = np.linalg.norm(outside, axis=1)
    clear = from_walls > 0.25
    # felt for above the box, only what stands on it is not free
    assert (high.at(places) == clear)[(from_box > 0.07) | (from_box == 0) & ~clear].all()
    assert not high.at(places)[from_box == 0].any()
    # two dozen directions feel a corner of the box a little later than a circle would
    assert low.at(places)[clear & (from_box > 0.26)].all()
    assert not low.at(places)[from_box < 0.24].any()
    assert not low.at(np.array([[-0.1, 1.0], [3.1, 1.0], [1.0, 2.1]])).any()


def test_a_place_inside_or_on_a_wide_thing_is_not_free():
    builder = SceneBuilder()
    builder.add(box((0, 0, 0), (4, 4, 2.5), MATT), 1)
    builder.add(box((1.0, 1.0, 0.08), (2.6, 3.0, 0.45), MATT), 4)
    builder.add(box((3.2, 1.0, 0.0), (4.0, 3.0, 0.02), MATT), 2)  # a mat
    scene = builder.build()
    places = np.array([[1.85, 2.05], [1.85, 1.35], [3.55, 2.05], [0.45, 0.55]])
    for heights in ((0.06, 0.2, 0.9), (0.06, 0.2, 0.35), (1.4, 0.6)):
        free = FreeSpace(scene, Room(4.0, 4.0, 2.5), 0.25, heights).at(places)
        assert free.tolist() == [False, False, True, True], heights


def test_a_room_full_to_the_brim_has_no_place():
    builder = SceneBuilder()
    builder.add(box((0, 0, 0), (1, 1, 2.5), MATT), 1)
    space = FreeSpace(builder.build(), Room(1.0, 1.0, 2.5), 0.6, (0.5,))
    assert space.draw(np.random.default_rng(0)) is None
