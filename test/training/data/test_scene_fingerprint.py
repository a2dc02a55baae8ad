# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from training.data.scene_fingerprint import scene_fingerprint


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "data"
    (root / "color" / "thumbnails").mkdir(parents=True)
    for name in ("color/0.jpg", "color/1.jpg", "pose.txt", "color/thumbnails/0.jpg"):
        (root / name).write_text(name)
    return root


def fingerprint(root, inputs=("color", "pose.txt", "camera.yaml"), split="train", premises=()):
    reader = SimpleNamespace(
        root=root, inputs=lambda _: [root / name for name in inputs], premises=lambda _: premises
    )
    return scene_fingerprint(reader, "room", split)


def set_time(path, nanoseconds):
    os.utime(path, ns=(nanoseconds, nanoseconds))


CHANGES = {
    "a longer file": lambda root: (root / "color/0.jpg").write_text("longer"),
    "another time": lambda root: set_time(root / "pose.txt", 1_700_000_000_000_000_001),
    "a file more": lambda root: (root / "color/2.jpg").write_text("2"),
    "a file less": lambda root: (root / "color/1.jpg").unlink(),
    "another name": lambda root: (root / "color/1.jpg").rename(root / "color/2.jpg"),
    "a file that was missing": lambda root: (root / "camera.yaml").write_text(""),
    "an empty folder that was missing": lambda root: (root / "camera.yaml").mkdir(),
    "a link that leads nowhere": lambda root: (root / "color/2.jpg").symlink_to("nowhere"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_files_is_another_fingerprint(change, root):
    set_time(root / "pose.txt", 1_700_000_000_000_000_000)
    before = fingerprint(root)
    assert fingerprint(root) == before
    CHANGES[change](root)
    assert fingerprint(root) != before


def test_hidden_files_and_sub_folders_and_the_order_do_not_count(root):
    before = fingerprint(root)
    (root / "color" / ".DS_Store").write_text("hidden")
    (root / "color" / "thumbnails" / "0.jpg").write_text("another")
    (root / "color" / "more").mkdir()
    (root / "elsewhere.txt").write_text("not named")
    assert fingerprint(root) == before
    assert fingerprint(root, ("pose.txt", "camera.yaml", "color", "color")) == before


def test_split_and_premises_count(root):
    before = fingerprint(root)
    assert fingerprint(root, split="val") != before
    assert fingerprint(root, premises=["meshes"]) != before


def test_a_root_is_the_same_by_each_of_its_names(root, tmp_path, monkeypatch):
    before = fingerprint(root)
    (tmp_path / "link").symlink_to(root)
    assert fingerprint(tmp_path / "link") == before
    monkeypatch.chdir(root.parent)
    assert fingerprint(type(root)("data")) == before
