# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Coarse labels from fine ones."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from seg3d2d_ros.label_groups import LabelGroups, LabelGroupsError
from seg3d2d_ros.labels import LabelClass, LabelSpace

FINE = LabelSpace("fine", tuple(LabelClass(k, name, (k, k, k)) for k, name in enumerate("abcd")))
GROUPS = {
    "name": "coarse",
    "label_space": "fine",
    "classes": [
        {"id": 0, "name": "front", "color": [1, 2, 3], "members": ["a", "c"]},
        {"id": 1, "name": "back", "color": [4, 5, 6], "members": ["d"]},
    ],
    "unlabeled": ["b"],
}


def write(path, changes=None, text=None):
    path.write_text(yaml.safe_dump(GROUPS | (changes or {})) if text is None else text)
    return path


def test_table_and_classes(tmp_path):
    groups = LabelGroups.load(write(tmp_path / "coarse.yaml"), FINE)
    assert groups.label_space.names == ("front", "back")
    assert groups.label_space.classes[1].color == (4, 5, 6)
    assert groups.table.tolist() == [0, 255, 0, 1] + [255] * 252
    labels = np.array([[0, 1, 2], [3, 255, 4]], np.uint8)
    np.testing.assert_array_equal(groups.apply(labels), [[0, 255, 0], [1, 255, 255]])


def test_more_than_255_fine_classes(tmp_path):
    many = LabelSpace("many", tuple(LabelClass(k, f"c{k}", (0, 0, 0)) for k in range(300)))
    classes = [
        {"id": 0, "name": "low", "color": [0, 0, 0], "members": [f"c{k}" for k in range(280)]},
        {
            "id": 1,
            "name": "high",
            "color": [1, 1, 1],
            "members": [f"c{k}" for k in range(280, 300)],
        },
    ]
    changes = {"label_space": "many", "classes": classes, "unlabeled": None}
    groups = LabelGroups.load(write(tmp_path / "g.yaml", changes), many)
    labels = np.array([[0, 279, 280, 299, 300, 65535]], np.uint16)
    coarse = groups.apply(labels)
    assert coarse.dtype == np.uint8
    assert coarse.tolist() == [[0, 0, 1, 1, 255, 255]]


def test_shipped_navigation_groups(repository):
    space = LabelSpace.load(repository / "config/labels/scannet20.yaml")
    groups = LabelGroups.load("navigation", space)
    by_name = {
        fine: groups.label_space.names[groups.table[k]] for k, fine in enumerate(space.names)
    }
    assert by_name["floor"] == "floor"
    assert by_name["wall"] == "wall"
    assert by_name["door"] == "door"
    assert by_name["chair"] == "obstacle"
    assert by_name["refrigerator"] == "furniture"
    assert groups.table[255] == 255


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label_space": "other"}, "group label space 'other', but the model labels 'fine'"),
        ({"unlabeled": []}, "classes of 'fine' missing: b"),
        ({"unlabeled": ["b", "zebra"]}, "unknown: zebra"),
        ({"unlabeled": ["b", "a"]}, "named twice: a"),
        ({"classes": [{"id": 1, "name": "x", "color": [0, 0, 0], "members": []}]}, "has id 1"),
        ({"classes": [{"id": 0, "name": "x", "color": [0, 0, 0]}]}, "malformed .*members"),
        ({"classes": 3}, "malformed"),
    ],
)
def test_faults_are_named(tmp_path, changes, message):
    with pytest.raises(LabelGroupsError, match=message):
        LabelGroups.load(write(tmp_path / "bad.yaml", changes), FINE)


def test_unreadable_files(tmp_path):
    with pytest.raises(LabelGroupsError, match="no label groups 'nowhere'"):
        LabelGroups.load("nowhere", FINE)
    with pytest.raises(LabelGroupsError, match="cannot read label groups"):
        LabelGroups.load(tmp_path / "missing.yaml", FINE)
    for text in ("[", "just text", ""):
        with pytest.raises(LabelGroupsError):
            LabelGroups.load(write(tmp_path / "broken.yaml", text=text), FINE)
