# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which scenes are read anew when files have changed since."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("h5py")
pytest.importorskip("scipy")

ALL = {"kitchen_0004", "study_room_0001", "office_0012"}


@pytest.mark.parametrize(
    "name", ["nyu_depth_v2_labeled.mat", "splits.mat", "classMapping40.mat", None]
)
def test_all_scenes_are_read_anew_when_one_of_the_files_changed(name, root, scenes_read):
    assert scenes_read("nyu", root) == ALL
    (root / "readme.txt").write_text("not read")
    if name is not None:
        os.utime(root / name)
    assert scenes_read("nyu", root) == (set() if name is None else ALL)
