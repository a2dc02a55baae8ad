# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reading of ScanNet's frames layout."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from seg3d2d_ros.labels import LabelSpace
from training.data.labelled_frames import DatasetError, JoinedFrames
from training.data.scannet_frames import ScanNetFrames


@pytest.fixture
def space(repository):
    return LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")


def test_frames_come_in_order_with_mapped_labels(rooms, space):
    frames = ScanNetFrames(rooms, "train", space)
    assert [(f.scene, f.name) for f in frames.frames] == [
        (scene, f"{number:06d}")
        for scene in ("scene0000_00", "scene0001_00")
        for number in range(3)
    ]
    image, labels = frames.load(0)
    assert image.shape == (64, 96, 3)
    assert image.dtype == labels.dtype == np.uint8
    # nyu40 1 and 2 are wall and floor; 22, the ceiling, is none of the twenty.
    assert set(np.unique(labels)) == {0, 1, 255}
    assert (labels[:5] == 255).all()
    # The floor is written in BGR as (40, 60, 90): red is its largest channel in RGB.
    assert np.abs(image[labels == 1].mean(0) - (90, 60, 40)).max() < 4


def test_joined_sets_follow_each_other(rooms, space):
    train, val = (ScanNetFrames(rooms, split, space) for split in ("train", "val"))
    joined = JoinedFrames([train, val])
    assert len(joined) == 8
    for index in range(8):
        part, position = (train, index) if index < 6 else (val, index - 6)
        for ours, theirs in zip(joined.load(index), part.load(position), strict=True):
            assert np.array_equal(ours, theirs)
    assert joined.fingerprint() != JoinedFrames([val, train]).fingerprint()


def test_fingerprint_follows_the_labels(rooms, space):
    before = ScanNetFrames(rooms, "train", space).fingerprint()
    assert before == ScanNetFrames(rooms, "train", space).fingerprint()
    path = rooms / "scannet_frames_25k" / "scene0001_00" / "label" / "000002.png"
    label = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    label[60, 60] = 5
    cv2.imwrite(str(path), label)
    assert ScanNetFrames(rooms, "train", space).fingerprint() != before


def test_what_is_missing_is_named(rooms, space):
    with pytest.raises(DatasetError, match=r"test\.txt cannot be read"):
        ScanNetFrames(rooms, "test", space)
    scene = rooms / "scannet_frames_25k" / "scene0002_00"
    (scene / "label" / "000001.png").unlink()
    with pytest.raises(DatasetError, match=r"000001\.png is missing"):
        ScanNetFrames(rooms, "val", space)
    (rooms / "splits" / "odd.txt").write_text("scene0404_00\n")
    with pytest.raises(DatasetError, match=r"has no \.jpg, but the split 'odd' names it"):
        ScanNetFrames(rooms, "odd", space)


def test_a_scenes_name_may_have_spaces(rooms, space):
    folder = rooms / "scannet_frames_25k"
    (folder / "scene0002_00").rename(folder / "living room")
    (rooms / "splits" / "val.txt").write_text("living room\n")
    assert {f.scene for f in ScanNetFrames(rooms, "val", space).frames} == {"living room"}


def test_damaged_files_are_named(rooms, space):
    frames = ScanNetFrames(rooms, "val", space)
    cv2.imwrite(str(frames.frames[0].label), np.zeros((10, 10), np.uint8))
    with pytest.raises(DatasetError, match="must be one-channel images of the same size"):
        frames.load(0)
    frames.frames[1].image.write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"000001\.jpg cannot be read as an image"):
        frames.load(1)
