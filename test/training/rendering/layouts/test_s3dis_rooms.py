# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Names of rendered rooms, cameras and things in 2D-3D-S' layout."""

import re

import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")

from s3dis_rendered import CLASSES, furnished_of, job_of

from training.rendering.kinds import ROOM_KINDS
from training.rendering.layouts.s3dis_rooms import (
    NYU40_TO_S3DIS,
    ROOM_TYPES,
    AreaRoom,
    RoomInstances,
    camera_uuid,
)
from training.rendering.nyu40 import NYU40
from training.rendering.rooms_error import RoomsError


def test_rooms_are_dealt_out_to_the_areas(tmp_path):
    rooms = [AreaRoom.of(job_of(tmp_path, k, "train", "office")) for k in range(10)]
    assert [room.area for room in rooms] == [1, 2, 3, 4, 6] * 2
    assert len({room.name for room in rooms}) == 10
    room = AreaRoom.of(job_of(tmp_path, 3, "val", "bathroom"))
    assert (room.area, room.name) == (5, "WC_4")
    assert [room.part(k) for k in range(3)] == ["area_5a", "area_5b", "area_5a"]


def test_uuids_come_from_the_seed(tmp_path):
    job = job_of(tmp_path, 3, "val", "bathroom")
    found = {camera_uuid(job, k) for k in range(50)}
    assert len(found) == 50 and all(re.fullmatch(r"[0-9a-f]{32}", u) for u in found)
    assert camera_uuid(job, 0) == camera_uuid(job_of(tmp_path / "x", 3, "val", "bathroom"), 0)
    assert camera_uuid(job, 0) != camera_uuid(job_of(tmp_path, 3, "val", "bathroom", seed=6), 0)


def test_every_kind_of_room_and_class_has_a_name():
    assert ROOM_TYPES.keys() == ROOM_KINDS.keys()
    assert len(set(ROOM_TYPES.values())) == len(ROOM_TYPES)
    assert NYU40.keys() >= NYU40_TO_S3DIS.keys() and set(NYU40_TO_S3DIS.values()) <= set(CLASSES)


def test_more_rooms_than_the_colours_can_tell_apart_are_refused(tmp_path):
    job = job_of(tmp_path, 3400, "train", "bathroom")
    with pytest.raises(RoomsError, match="at most 33"):
        RoomInstances(AreaRoom.of(job), job.index, furnished_of(job)[0].scene)
