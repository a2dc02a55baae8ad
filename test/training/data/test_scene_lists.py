# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Lists of scenes: one a line."""

from __future__ import annotations

import pytest

from training.data.labelled_frames import DatasetError
from training.data.scene_lists import read_scene_list


def test_names_may_have_spaces_and_blank_lines_count_for_nothing(tmp_path):
    path = tmp_path / "train.txt"
    path.write_bytes(b"\xef\xbb\xbfliving room\r\n\n  kitchen 2 \nb")
    assert read_scene_list(path) == ["living room", "kitchen 2", "b"]
    path.write_text("\n \n")
    assert read_scene_list(path) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "train.txt cannot be read"),
        (b"\xff\xfe\x00", "train.txt cannot be read"),
        (b"a\n../b\n", "should hold one scene a line, but has '../b'"),
    ],
)
def test_a_list_that_cannot_be_used_is_named(tmp_path, content, message):
    path = tmp_path / "train.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read_scene_list(path)
