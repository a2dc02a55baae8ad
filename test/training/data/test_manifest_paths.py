# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Paths in manifests: relative, and links as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.data.manifest_paths import absolute_path, manifest_path


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """work/{data,out} behind a link, and a file of data that is a link to a store."""
    for name in ("disk/work/data", "disk/work/out", "store/deep"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "store/deep/MD5E-3.jpg").write_bytes(b"picture")
    (tmp_path / "disk/work/data/000000.jpg").symlink_to(tmp_path / "store/deep/MD5E-3.jpg")
    (tmp_path / "work").symlink_to("disk/work")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_name_is_that_of_the_link(tree):
    for root in (Path("work"), tree / "work", tree / "disk/work", Path("store/../work/.")):
        for out in (Path("work/out"), tree / "disk/work/out"):
            path = manifest_path(root / "data/000000.jpg", out)
            assert Path(path).name == "000000.jpg"
            assert (out / path).read_bytes() == b"picture"


def test_what_lies_behind_the_same_link_can_move_together(tree):
    assert manifest_path("work/data/000000.jpg", Path("work/out")) == "../data/000000.jpg"


def test_the_way_up_from_a_linked_folder_is_the_one_that_files_are_opened_by(tree):
    (tree / "out").symlink_to("disk/work/out")
    path = manifest_path("work/data/000000.jpg", Path("out"))
    assert (Path("out") / path).read_bytes() == b"picture"
    assert (tree / "disk/work/out" / path).read_bytes() == b"picture"


def test_a_folder_that_is_no_longer_there_has_a_path_too(tree):
    assert manifest_path("gone/scan.ply", Path("nowhere")) == "../gone/scan.ply"


def test_absolute_paths_keep_links_and_have_no_way_up(tree):
    assert absolute_path(Path("work/data")) == tree / "work/data"
    assert absolute_path(Path()) == tree
    assert absolute_path(tree / "work/data/000000.jpg") == tree / "work/data/000000.jpg"
    assert absolute_path(Path("work/../x")) == tree / "disk/x"  # where the link leads up to
