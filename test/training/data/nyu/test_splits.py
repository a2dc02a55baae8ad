# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import re
from collections import Counter
from functools import partial

import numpy as np
import pytest

pytest.importorskip("scipy")

import scipy.io

from training.data.labelled_frames import DatasetError
from training.data.nyu.splits import frame_splits, official_split

savemat = partial(scipy.io.savemat, do_compression=True)


def write(root, train, test):
    savemat(
        root / "splits.mat",
        {"trainNdxs": np.array(train)[:, None], "testNdxs": np.array(test)[:, None]},
    )


def test_the_official_split_divides_all_frames_into_795_and_654():
    split = official_split()
    assert Counter(split) == {"train": 795, "val": 654}
    # its first and last ones as splits.mat has them
    assert [k for k in range(1, 30) if split[k - 1] == "val"] == [
        1,
        2,
        9,
        14,
        15,
        16,
        17,
        18,
        21,
        28,
        29,
    ]
    assert split[1440 - 1 :] == ["train", *["val"] * 9]


def test_without_a_file_the_official_split_is_for_1449_frames_only(tmp_path):
    assert frame_splits(tmp_path, 1449) == (official_split(), [])
    with pytest.raises(DatasetError, match="has 4 frames, where the official split is of 1449"):
        frame_splits(tmp_path, 4)


def test_a_file_is_counted_from_one(tmp_path):
    write(tmp_path, [2, 3], [1, 4])
    assert frame_splits(tmp_path, 4) == (["val", "train", "train", "val"], [])


def test_no_frame_may_be_held_out(tmp_path):
    write(tmp_path, [1, 2], np.zeros(0, np.uint16))
    assert frame_splits(tmp_path, 2) == (["train", "train"], [])


@pytest.mark.parametrize(
    ("train", "test", "splits", "text"),
    [
        ([1, 2, 7], [3, 0], ["train", "train", "val"], r"names 2 frames that the .* \(0, 7\)"),
        ([1, 2, 2], [3], ["train", "train", "val"], r"names 1 frames twice \(2\)"),
        (
            [1, 2],
            [2, 3],
            ["train", "val", "val"],
            r"names 1 frames for training and test.* \(2\)",
        ),
    ],
)
def test_lists_that_do_not_fit_are_defects(tmp_path, train, test, splits, text):
    write(tmp_path, train, test)
    found, (defect,) = frame_splits(tmp_path, 3)
    assert found == splits
    assert re.search(text, defect.text)
    assert not defect.dropped


def test_a_frame_in_neither_list_has_no_split(tmp_path):
    write(tmp_path, [1], [3])
    assert frame_splits(tmp_path, 3) == (["train", None, "val"], [])


def test_damaged_lists_are_one_sentence(tmp_path):
    (tmp_path / "splits.mat").write_bytes(b"not a MAT-file at all, but long enough" * 10)
    with pytest.raises(DatasetError, match="splits.mat is no readable MAT-file"):
        frame_splits(tmp_path, 3)
    savemat(tmp_path / "splits.mat", {"trainNdxs": np.array([[1]])})
    with pytest.raises(DatasetError, match="splits.mat lacks testNdxs"):
        frame_splits(tmp_path, 3)
    savemat(tmp_path / "splits.mat", {"trainNdxs": np.array([["a"]]), "testNdxs": [[1.5]]})
    with pytest.raises(DatasetError, match="something else than frame numbers"):
        frame_splits(tmp_path, 3)
