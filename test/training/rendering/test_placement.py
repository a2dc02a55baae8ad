# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("trimesh")

from training.rendering.kinds import ROOM_KINDS, kind_of
from training.rendering.layout import furnish
from training.rendering.mesh import box, plain
from training.rendering.piece import piece
from training.rendering.placement import Plan, overlaps, rectangle
from training.rendering.room import Opening, Room
from training.rendering.scene import SceneBuilder


def block(w=1.0, d=0.5, h=0.8):
    return piece(box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), plain((0.5, 0.5, 0.5))), "table")


def test_overlap_agrees_with_an_independent_intersection_area():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(400):
        a, b = (
            rectangle(*rng.uniform(-1, 1, 2), *rng.uniform(0.2, 1.5, 2), rng.uniform(0, 6))
            for _ in range(2)
        )
        area, _ = cv2.intersectConvexConvex(a.astype(np.float32), b.astype(np.float32))
        if 0 < area < 1e-3:
            continue  # touching: rounding decides
        assert overlaps(a, b) == (area > 0)
        seen.add(area > 0)
    assert seen == {True, False}


@pytest.mark.parametrize("wall", range(4))
def test_furniture_at_a_wall_has_its_back_there_and_faces_the_room(wall):
    plan = Plan(Room(4, 3, 2.5), SceneBuilder(), np.random.default_rng(1))
    placed = plan.against_wall(block(), wall, 1.5, gap=0.0)
    corner, _, inwards = plan.room.wall_frame(wall)
    back, front = (np.array(placed.local(0, f)) for f in (-0.25, 0.25))
    assert (back - corner) @ inwards == pytest.approx(0.0, abs=0.01)
    assert (front - back) @ inwards == pytest.approx(0.5)
    low, high = plan.builder.meshes[0].bounds
    assert (low > -1e-3).all() and (high[:2] < (4.001, 3.001)).all()


def test_nothing_is_put_where_something_stands_but_things_hang_above_it():
    plan = Plan(Room(4, 3, 2.5), SceneBuilder(), np.random.default_rng(1))
    assert plan.put(block(), 2, 1, 0) is not None
    assert plan.put(block(), 2.3, 1.1, 0.4) is None
    assert plan.put(block(), 2.3, 1.1, 0.4, low=0.81) is not None
    assert plan.put(block(), 0.3, 1, 0) is None, "reaches through the wall"


def test_doorways_stay_clear():
    door = Opening(0, 1.0, 1.9, 0.0, 2.0, "door")
    plan = Plan(Room(4, 3, 2.5, [door]), SceneBuilder(), np.random.default_rng(1))
    assert plan.put(block(0.4, 0.4), 1.4, 0.4, 0) is None
    assert plan.put(block(0.4, 0.4), 3.0, 0.4, 0) is not None


def test_a_chair_faces_its_table():
    plan = Plan(Room(4, 3, 2.5), SceneBuilder(), np.random.default_rng(1))
    table = plan.put(block(), 2, 1.5, 0.7)
    for right, forward in ((0.0, 0.7), (0.0, -0.7), (0.9, 0.0), (-0.9, 0.0)):
        chair = plan.facing(table, block(0.3, 0.3), right, forward, spread=0.0)
        ahead = np.array(chair.local(0, 0.1)) - (chair.x, chair.y)
        assert ahead @ (np.array([table.x, table.y]) - (chair.x, chair.y)) > 0.05


@pytest.mark.parametrize("kind", ROOM_KINDS)
def test_placed_furniture_does_not_overlap(kind):
    plan = furnish(kind, None, np.random.default_rng(3)).plan
    zones = plan.zones[len(plan.room.openings) :]
    assert len(zones) == len(plan.placed) > 0
    for i, a in enumerate(zones):
        for j, b in enumerate(zones[:i]):
            if a.low >= b.high or b.low >= a.high or not overlaps(a.polygon, b.polygon):
                continue
            labels = {plan.placed[i].piece.parts[0][1], plan.placed[j].piece.parts[0][1]}
            assert labels & {7, 14} and 5 in labels, "only chairs slide under tables and desks"


def test_room_kinds_follow_their_shares_in_small_splits():
    share = {k: v[0] for k, v in ROOM_KINDS.items()}
    total = sum(share.values())
    kinds = [kind_of(n) for n in range(25)]
    for kind, wanted in share.items():
        assert abs(kinds.count(kind) - 25 * wanted / total) <= 1.5
