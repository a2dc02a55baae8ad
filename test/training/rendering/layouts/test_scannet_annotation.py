# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Segments, objects, labels and summary of a room, by the fields that ScanNet describes."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")
pytest.importorskip("scipy")

from training.data.intrinsics import Intrinsics
from training.rendering.kinds import ROOM_KINDS
from training.rendering.layout import furnish
from training.rendering.layouts.scannet_annotation import (
    SCENE_TYPES,
    mesh_segments,
    write_annotation,
    write_label_table,
    write_summary,
)
from training.rendering.nyu40 import NYU40_NAMES
from training.rendering.room_frames import RoomCameras
from training.rendering.scan import ScannedMesh, scan_room

SCENE = "scene0004_00"


def mesh_of(labels, instances, faces):
    count = len(labels)
    return ScannedMesh(
        np.zeros((count, 3), np.float32),
        np.zeros((count, 3), np.uint8),
        np.array(labels, np.uint16),
        np.array(instances, np.uint16),
        np.array(faces, np.int32),
    )


@pytest.fixture(scope="module")
def room():
    furnished = furnish("corridor", None, np.random.default_rng(1))
    return scan_room(furnished, np.random.default_rng(0))


def test_segments_are_connected_parts_of_one_object():
    # 0-1-2 and 3-4-5 are of one object but apart; 6-7-8 joins two objects; 9 is on its own
    mesh = mesh_of(
        [5, 5, 5, 5, 5, 5, 5, 1, 1, 1],
        [3, 3, 3, 3, 3, 3, 4, 2, 2, 2],
        [(0, 1, 2), (3, 4, 5), (6, 7, 8)],
    )
    assert mesh_segments(mesh).tolist() == [0, 0, 0, 3, 3, 3, 6, 7, 7, 9]


def connected(mesh, members):
    """Whether points hang together by edges among themselves: a plain search."""
    members = set(members)
    near = {k: set() for k in members}
    touching = np.isin(mesh.faces, list(members)).any(-1)
    for face in mesh.faces[touching].tolist():
        inside = [k for k in face if k in members]
        for k in inside:
            near[k] |= set(inside)
    seen, waiting = set(), [next(iter(members))]
    while waiting:
        k = waiting.pop()
        if k not in seen:
            seen.add(k)
            waiting += near[k] - seen
    return seen == members


def test_segments_of_a_room_are_each_of_one_object_and_hang_together(room):
    segments = mesh_segments(room)
    ids, first, counts = np.unique(segments, return_index=True, return_counts=True)
    np.testing.assert_array_equal(ids, first)  # named by their first point
    for name in ("labels", "instances"):
        np.testing.assert_array_equal(getattr(room, name), getattr(room, name)[segments])
    for segment in ids[np.argsort(counts)[-8:-3]]:
        assert connected(room, np.flatnonzero(segments == segment).tolist())


def test_the_published_fields_give_labels_and_instances_back(room, tmp_path):
    """As ScanNet's own export reads them: dictionaries of segments, category names, the table."""
    write_annotation(tmp_path, SCENE, room)
    write_label_table(tmp_path)
    with (tmp_path / "scannetv2-labels.combined.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    ids = {row["raw_category"]: int(row["nyu40id"]) for row in rows}
    assert ids == {name: k for k, name in enumerate(NYU40_NAMES) if k}
    assert [int(row["id"]) for row in rows] == list(range(1, 41))
    segmentation = json.loads((tmp_path / f"{SCENE}_vh_clean_2.0.010000.segs.json").read_text())
    aggregation = json.loads((tmp_path / f"{SCENE}.aggregation.json").read_text())
    assert set(segmentation) == {"params", "sceneId", "segIndices"}
    assert set(aggregation) == {"sceneId", "appId", "segGroups", "segmentsFile"}
    points = {}
    for k, segment in enumerate(segmentation["segIndices"]):
        points.setdefault(segment, []).append(k)
    labels, instances = (np.zeros(len(room.vertices), int) for _ in range(2))
    for number, group in enumerate(aggregation["segGroups"]):
        assert set(group) == {"id", "objectId", "segments", "label"} and group["id"] == number
        for segment in group["segments"]:
            labels[points[segment]] = ids[group["label"]]
            instances[points[segment]] = group["objectId"] + 1
    np.testing.assert_array_equal(labels, room.labels)
    np.testing.assert_array_equal(instances, room.instances)
    objects = [group["objectId"] for group in aggregation["segGroups"]]
    assert len(set(objects)) == len(objects)


def test_points_of_no_object_are_in_no_group(tmp_path):
    write_annotation(tmp_path, SCENE, mesh_of([0, 5, 0], [0, 1, 2], [(0, 1, 2)]))
    groups = json.loads((tmp_path / f"{SCENE}.aggregation.json").read_text())["segGroups"]
    assert groups == [{"id": 0, "objectId": 0, "segments": [1], "label": "chair"}]


def test_the_summary_has_scannets_keys(tmp_path):
    color, depth = Intrinsics(64, 48, 60.5, 60.25, 31.5, 23.5), Intrinsics.from_fov(32, 24, 1.0)
    write_summary(tmp_path, SCENE, "office", RoomCameras(color, depth, 1.0), 7)
    lines = (tmp_path / f"{SCENE}.txt").read_text().splitlines()
    values = dict(line.split(" = ") for line in lines)
    assert (values["colorWidth"], values["colorHeight"], values["depthWidth"]) == ("64", "48", "32")
    assert [float(values[k]) for k in ("fx_color", "fy_color", "mx_color", "my_color")] == [
        60.5,
        60.25,
        31.5,
        23.5,
    ]
    assert float(values["fx_depth"]) == pytest.approx(16 / math.tan(0.5), abs=1e-6)
    assert (values["numColorFrames"], values["numDepthFrames"]) == ("7", "7")
    assert values["sceneType"] == "Office"
    assert (
        np.reshape(values["axisAlignment"].split(), (4, 4)).astype(float).tolist()
        == np.eye(4).tolist()
    )


def test_every_kind_of_room_has_a_scene_type():
    assert set(SCENE_TYPES) == set(ROOM_KINDS)
