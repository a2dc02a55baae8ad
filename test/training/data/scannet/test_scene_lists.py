# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which scenes are in which split."""

from __future__ import annotations

from collections import Counter

import pytest

from training.data.labelled_frames import DatasetError
from training.data.registry import protocols
from training.data.scannet.scene_lists import listed_scenes, official_scenes


def test_the_official_lists_have_the_published_numbers_of_scenes():
    assert Counter(official_scenes("v2").values()) == {"train": 1201, "val": 312, "test": 100}
    assert Counter(official_scenes("v1").values()) == {"train": 1357, "val": 156}


def test_the_lists_agree_where_they_should():
    v2, v1 = official_scenes("v2"), official_scenes("v1")
    assert {scene for scene, split in v2.items() if split != "test"} == set(v1)
    # version 1's val is in version 2's train, and version 2's val in the published training list
    assert all(v2[scene] == "train" for scene, split in v1.items() if split == "val")
    assert sum(v1[scene] == "train" for scene, split in v2.items() if split == "val") == 312


def test_single_scenes_are_where_the_published_lists_have_them():
    v2, v1 = official_scenes("v2"), official_scenes("v1")
    # the first lines of scannetv2_{train,val,test}.txt and scannetv1_val.txt
    assert {v2[f"scene0191_{k:02d}"] for k in range(3)} == {"train"}
    assert {v2[f"scene0568_{k:02d}"] for k in range(3)} == {"val"}
    assert [v2[f"scene{k:04d}_00"] for k in (707, 708, 709, 806)] == ["test"] * 4
    assert v1["scene0534_00"] == v1["scene0534_01"] == v1["scene0319_00"] == "val"
    assert v2["scene0000_02"] == "train" and "scene0000_03" not in v2 and "scene0807_00" not in v2
    assert list(v2)[:5] == [
        f"scene{p:04d}_{k:02d}" for p, k in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1))
    ]


def test_the_protocols_are_those_that_papers_use():
    known = protocols("scannet")
    assert list(known) == ["v2val", "ref1-v1val", "pri3d", "table3"]
    assert {name: p.size for name, p in known.items()} == {
        "v2val": None,
        "ref1-v1val": None,
        "pri3d": (240, 320),
        "table3": (384, 768),
    }
    assert {p.setting("lists") for name, p in known.items() if name != "ref1-v1val"} == {"v2"}
    assert {p.label_space for p in known.values()} == {"scannet20"}


def lists(root, **splits):
    (root / "splits").mkdir()
    for split, text in splits.items():
        (root / "splits" / f"{split}.txt").write_text(text)
    return root


def test_lists_in_the_data_sets_folder_are_read(tmp_path):
    assert listed_scenes(tmp_path) is None
    lists(tmp_path, val="scene0009_00\n", train="scene0003_00\nscene0001_00\n")
    expected = {"scene0003_00": "train", "scene0001_00": "train", "scene0009_00": "val"}
    assert listed_scenes(tmp_path) == expected


@pytest.mark.parametrize(
    ("splits", "text"),
    [
        ({"train": "../../etc\n"}, "should hold one scene a line, but has '../../etc'"),
        ({"train": "a\n", "val": "a\n"}, "val.txt holds a, and so does train.txt"),
        ({"train": "", "val": "\n"}, "name no scene"),
    ],
)
def test_lists_that_cannot_be_used_are_named(tmp_path, splits, text):
    with pytest.raises(DatasetError, match=text):
        listed_scenes(lists(tmp_path, **splits))


def test_a_list_that_is_no_text_is_named(tmp_path):
    lists(tmp_path, train="")
    (tmp_path / "splits/train.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="train.txt cannot be read"):
        listed_scenes(tmp_path)
