# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes of a prepared folder: classes, memory, and one sentence for what can't be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from seg3d2d_ros.labels import LabelSpace
from training.data.labelled_frames import DatasetError
from training.data.scan import Scan, write_ply
from training.points.cloud import UNLABELED, CloudError
from training.points.scenes import LabelledScenes

SPACE = Path(__file__).resolve().parents[3] / "config" / "labels" / "scannet20.yaml"


def scan(count=5, label=(0, 1, 2, 255, 1)):
    points = np.arange(3 * count, dtype=np.float32).reshape(count, 3)
    colors = np.full((count, 3), 90, np.uint8)
    return Scan(points, colors, None if label is None else np.array(label, np.uint16))


def open_scenes(folder, split="train", **settings):
    return LabelledScenes(folder, split, LabelSpace.load(folder / "label_space.yaml"), **settings)


def replaced(prepared, changed):
    """The prepared folder with another first room."""
    write_ply(prepared / "scenes" / "room0.ply", changed)
    return open_scenes(prepared)


def test_a_scene_has_classes_and_what_has_none(prepared):
    cloud = replaced(prepared, scan()).load(0)
    assert cloud.labels.tolist() == [0, 1, 2, UNLABELED, 1]
    assert cloud.points.tolist() == scan().points.tolist()
    assert cloud.colors.dtype == np.float32 and (cloud.colors == 90).all()


def test_labels_of_a_published_data_set_go_through_the_label_space(prepared):
    (prepared / "dataset.yaml").write_text(
        yaml.safe_dump({"dataset": "scannet", "label_source": "nyu40"})
    )
    write_ply(prepared / "scenes" / "room0.ply", scan(label=(0, 1, 39, 40, 14)))
    scenes = LabelledScenes(prepared, "train", LabelSpace.load(SPACE))
    # wall is the first class, otherfurniture (39) the last, desk (14) the thirteenth; 40 is none
    assert scenes.load(0).labels.tolist() == [UNLABELED, 0, 19, UNLABELED, 12]


def test_scenes_are_kept_as_far_as_there_is_room(prepared):
    scenes = open_scenes(prepared, memory=2 * 200 * 17 + 100)  # two of three scenes
    loaded = [scenes.load(index) for index in range(3)]
    for index in range(3):
        (prepared / "scenes" / f"room{index}.ply").unlink()
    for index in (0, 1):
        np.testing.assert_array_equal(scenes.load(index).points, loaded[index].points)
        np.testing.assert_array_equal(scenes.load(index).labels, loaded[index].labels)
    with pytest.raises(DatasetError, match=r"room2\.ply can't be read"):
        scenes.load(2)


def test_a_fingerprint_tells_what_labels_depend_on(prepared):
    first = open_scenes(prepared).fingerprint([0, 2])
    assert open_scenes(prepared, memory=0).fingerprint([0, 2]) == first
    assert open_scenes(prepared).fingerprint([0, 1]) != first
    write_ply(prepared / "scenes" / "room1.ply", scan())
    assert open_scenes(prepared).fingerprint([0, 2]) == first
    write_ply(prepared / "scenes" / "room0.ply", scan())
    changed = open_scenes(prepared).fingerprint([0, 2])
    (prepared / "scenes" / "room0.ply").unlink()
    missing = open_scenes(prepared).fingerprint([0, 2])
    assert len({first, changed, missing}) == 3
    (prepared / "dataset.yaml").write_text(
        yaml.safe_dump({"dataset": "scannet", "label_source": "nyu40"})
    )
    other_classes = LabelledScenes(prepared, "train", LabelSpace.load(SPACE))
    assert other_classes.fingerprint([0, 2]) != missing


def test_points_are_counted_by_class(prepared):
    for index in range(3):
        write_ply(prepared / "scenes" / f"room{index}.ply", scan())
    assert open_scenes(prepared).class_counts(3).tolist() == [3, 6, 3]


def test_a_split_without_scenes_is_named(prepared):
    with pytest.raises(DatasetError, match=r"scans\.jsonl has no scan of the split 'test'"):
        open_scenes(prepared, "test")


def test_other_classes_are_named(prepared):
    with pytest.raises(DatasetError, match="was prepared with the label space 'tiny'"):
        LabelledScenes(prepared, "train", LabelSpace.load(SPACE))


def with_coordinate(value):
    changed = scan()
    changed.points[3, 1] = value
    return changed


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (scan(label=None), "scene room0 .* has no labels"),
        (
            scan(label=(0, 1, 7, 9, 1)),
            r"the labels of 2 points are out of range \(not 0 to 2, 255\), .* is point 2 with 7",
        ),
        (replace(scan(), colors=np.zeros((5, 3), np.uint8)), "room0 .* has no colours"),
    ],
)
def test_what_can_not_be_used_is_named(prepared, changed, message):
    with pytest.raises(CloudError, match=message):
        replaced(prepared, changed).load(0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_coordinates_that_are_no_numbers_are_named(prepared, value):
    with pytest.raises(DatasetError, match="coordinates of 1 point are no finite numbers.*point 3"):
        replaced(prepared, with_coordinate(value)).load(0)


def test_an_empty_scene_is_named(prepared):
    nothing = Scan(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8))
    with pytest.raises(DatasetError, match=r"room0\.ply"):
        replaced(prepared, nothing).load(0)


def test_too_many_points_are_named(prepared, monkeypatch):
    monkeypatch.setattr("training.points.cloud.LARGEST_CLOUD", 4)
    with pytest.raises(CloudError, match="room0 .* has 5 points, more than the 4"):
        replaced(prepared, scan()).load(0)


def test_a_damaged_file_is_named(prepared):
    (prepared / "scenes" / "room0.ply").write_bytes(b"ply\nnothing")
    with pytest.raises(DatasetError, match=r"room0\.ply is no readable PLY file"):
        open_scenes(prepared).load(0)
