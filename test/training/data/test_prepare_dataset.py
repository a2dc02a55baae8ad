# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The driver of all readers, with a reader of the plainest layout: <scene>/<frame>.{jpg,png}."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from plain_layout import PlainReader, files, protocol

from seg3d2d_ros.labels import LabelSpace
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestFrames, read_manifest, read_scans
from training.data.prepare_dataset import prepare_dataset


def test_every_defect_is_listed_counted_and_none_ends_the_work(root, space, tmp_path):
    (root / "room1" / "000.jpg").write_bytes(b"damaged")
    (root / "room3" / "001.png").unlink()
    (root / "room4").mkdir()
    prepared = prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", space)
    assert prepared.frames == {"train": 2, "val": 2}
    listed = (tmp_path / "out" / "defects.txt").read_text().splitlines()
    assert sorted(line.split("\t")[0] for line in listed) == [
        "missing file",
        "missing file",
        "unreadable image",
    ]
    assert all(line.split("\t")[1] == "left out" for line in listed)
    text = prepared.text()
    assert "2 missing file" in text and "1 unreadable image" in text
    assert {row.scene for row in read_manifest(tmp_path / "out")} == {"room1", "room2", "room3"}
    assert read_scans(tmp_path / "out") == []


def test_labels_are_read_in_the_classes_of_the_model(root, space, tmp_path):
    prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", space)
    frames = ManifestFrames(tmp_path / "out", "val", space)
    assert [(f.scene, f.name) for f in frames.frames] == [("room2", "000"), ("room2", "001")]
    raw = cv2.imread(str(root / "room2" / "001.png"), -1)
    expected = np.full(raw.shape, 255)
    expected[raw == 1], expected[raw == 5] = 0, 4
    assert np.array_equal(frames.load(1)[1], expected)


def test_a_protocol_of_another_size_resizes_images_and_labels(root, space, tmp_path):
    prepare_dataset(PlainReader(root, protocol(size=(6, 8))), tmp_path / "out", space)
    image, label = ManifestFrames(tmp_path / "out", "train", space).load(0)
    assert image.shape == (6, 8, 3) and label.shape == (6, 8)
    whole = cv2.imread(str(root / "room1" / "000.jpg"))[..., ::-1].astype(float)
    means = whole.reshape(6, 2, 8, 2, 3).mean((1, 3))
    assert np.abs(image - means).max() <= 1
    raw = cv2.imread(str(root / "room1" / "000.png"), -1)
    quarters = space.lookup("nyu40")[raw].reshape(6, 2, 8, 2).transpose(0, 2, 1, 3)
    assert (quarters.reshape(6, 8, 4) == label[..., None]).any(-1).all()


def test_a_folder_of_another_data_set_is_refused(root, space, tmp_path):
    prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", space)
    before = files(tmp_path / "out")
    with pytest.raises(DatasetError, match="another data set or protocol"):
        prepare_dataset(PlainReader(root, protocol(size=(6, 8))), tmp_path / "out", space)
    assert files(tmp_path / "out") == before


def test_a_data_set_of_which_nothing_can_be_used_is_an_error(tmp_path, space):
    (tmp_path / "data" / "room1").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"nothing usable; the first defect: .*holds no frame"):
        prepare_dataset(PlainReader(tmp_path / "data", protocol()), tmp_path / "out", space)


class WanderingReader(PlainReader):
    """Goes to another folder, as a worker that was started in another one."""

    def prepare_scene(self, scene, split, out):
        os.chdir("/")
        return super().prepare_scene(scene, split, out)


def test_relative_folders_are_found_by_workers_in_another_folder(
    root, space, tmp_path, monkeypatch
):
    expected = prepare_dataset(PlainReader(root, protocol()), tmp_path / "whole", space)
    monkeypatch.chdir(root)
    reader = WanderingReader(Path("../data"), protocol())
    prepared = prepare_dataset(reader, Path("../out"), space)
    assert prepared.frames == expected.frames and prepared.defects == []
    assert files(tmp_path / "out") == files(tmp_path / "whole")


def bare(space):
    """The same classes, of which nothing says which ids of a data set they are."""
    return LabelSpace(space.name, space.classes)


def test_a_label_space_that_does_not_know_the_data_sets_ids_is_refused(root, space, tmp_path):
    message = "'scannet20' does not say which of the ids of 'nyu40'.*give it source_ids for 'nyu40'"
    with pytest.raises(DatasetError, match=message):
        prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", bare(space))
    assert not (tmp_path / "out").exists()


def test_a_model_of_the_same_classes_reads_ids_by_the_prepared_label_space(root, space, tmp_path):
    prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", space)
    with_ids, without = (
        ManifestFrames(tmp_path / "out", "train", s).load(0)[1] for s in (space, bare(space))
    )
    raw = cv2.imread(str(root / "room1" / "000.png"), -1)
    assert (without[raw == 1] == 0).all() and (without[raw == 5] == 4).all()
    assert np.array_equal(with_ids, without)
    other = LabelSpace("other", space.classes[:3])
    with pytest.raises(DatasetError, match="whose classes are not those of 'other'"):
        ManifestFrames(tmp_path / "out", "train", other)


def test_paths_in_the_manifest_are_relative_to_it(root, space, tmp_path):
    prepare_dataset(PlainReader(root, protocol()), tmp_path / "out", space)
    lines = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["image"] == "../data/room1/000.jpg"
    tmp_path.joinpath("moved").mkdir()
    for name in ("data", "out"):
        (tmp_path / name).rename(tmp_path / "moved" / name)
    assert len(ManifestFrames(tmp_path / "moved" / "out", "train", space)) == 4
    assert ManifestFrames(tmp_path / "moved" / "out", "train", space).load(3)[0].shape == (
        12,
        16,
        3,
    )
