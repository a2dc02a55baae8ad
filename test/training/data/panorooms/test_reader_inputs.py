# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which scenes are read anew when files have changed since."""

from __future__ import annotations

import os
import shutil

import pytest

PANORAMAS = "panoramas/{}/training/a_1{}"
CHANGES = {
    "nothing": (lambda root: None, set()),
    "a room": (lambda root: os.utime(root / "rooms/a_1.npz"), {"a_1"}),
    "a picture": (lambda root: os.utime(root / PANORAMAS.format("images", ".jpg")), {"a_1"}),
    "labels": (lambda root: os.utime(root / PANORAMAS.format("annotations", ".png")), {"a_1"}),
    "a block added": (
        lambda root: shutil.copy(root / "blocks/a_1_0.npz", root / "blocks/a_12_7.npz"),
        {"a_12"},
    ),
    "a block lost": (lambda root: (root / "blocks/a_1_0.npz").unlink(), {"a_1"}),
    "the block of a new scene": (
        lambda root: (root / "val.txt").write_text("a_1_0\n"),
        {"a_1", "a_1_0"},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_scenes_of_which_something_changed_are_read_anew(change, root, scenes_read):
    alter, expected = CHANGES[change]
    assert scenes_read("panorooms", root) == {"a_1", "a_12", "b_0"}
    alter(root)
    assert scenes_read("panorooms", root) == expected
