# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which scenes are read anew when files have changed since."""

from __future__ import annotations

import os
import pickle
import shutil

import pytest

from training.data.registry import open_dataset

ROOMS = {"Area_1_office_1", "Area_2_office_1"}


@pytest.fixture
def root(areas, tmp_path):
    """Two areas, copied."""
    root = tmp_path / "s3dis"
    for name in ("Area_1", "Area_2", "area_1", "area_2", "assets"):
        shutil.copytree(areas / name, root / name)
    return root


def image(root, kind, area=1):
    return sorted((root / f"area_{area}" / "data" / kind).iterdir())[0]


def remove_all(root, kind, area):
    for path in (root / f"area_{area}" / "data" / kind).iterdir():
        path.unlink()


CHANGES = {
    "nothing": (lambda root: None, set()),
    "a cloud": (
        lambda root: os.utime(sorted((root / "Area_1/office_1/Annotations").iterdir())[0]),
        {"Area_1_office_1"},
    ),
    "a picture": (lambda root: os.utime(image(root, "rgb")), {"Area_1_office_1"}),
    "a semantic image": (lambda root: os.utime(image(root, "semantic")), {"Area_1_office_1"}),
    "a depth image lost": (lambda root: image(root, "depth", 2).unlink(), {"Area_2_office_1"}),
    "a pose": (lambda root: os.utime(image(root, "pose")), {"Area_1_office_1"}),
    "an area without depth": (lambda root: remove_all(root, "depth", 2), {"Area_2_office_1"}),
    "no clouds": (lambda root: shutil.rmtree(root / "Area_2"), {"Area_2_office_1"}),
    "the list of instances": (
        lambda root: os.utime(root / "assets/semantic_labels.json"),
        ROOMS,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_rooms_of_which_something_changed_are_read_anew(change, root, scenes_read):
    alter, expected = CHANGES[change]
    assert scenes_read("s3dis", root) == ROOMS
    alter(root)
    assert scenes_read("s3dis", root) == expected


def test_workers_do_not_get_the_lists_of_files(root):
    reader = open_dataset("s3dis", root)
    before = len(pickle.dumps(reader))
    assert len(list(reader.inputs("Area_1_office_1"))) > 12
    assert len(pickle.dumps(reader)) == before
