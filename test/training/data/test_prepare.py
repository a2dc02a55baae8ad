# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A plain folder of images and masks, and what may be wrong with one."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import yaml

from seg3d2d_ros.labels import LabelSpace
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestFrames, read_manifest
from training.data.open_frames import open_frames
from training.data.prepare import prepare_folder

SPACE = {
    "name": "lab",
    "classes": [
        {"id": 0, "name": "bench", "color": [200, 0, 0]},
        {"id": 1, "name": "robot", "color": [0, 200, 0]},
        {"id": 2, "name": "cable", "color": [0, 0, 200]},
    ],
}


@pytest.fixture
def folder(tmp_path):
    """Ten images in five sub-folders, with masks of two classes and some unlabeled pixels."""
    (tmp_path / "labels.yaml").write_text(yaml.safe_dump(SPACE))
    for number in range(10):
        name = f"take{number // 2}/{number:03d}"
        mask = np.zeros((24, 32), np.uint8)
        mask[:, 16:] = 1
        mask[:3] = 255
        write(tmp_path, name, np.full((24, 32, 3), 20 * number, np.uint8), mask)
    return tmp_path


def write(folder, name, image, mask, suffix=".jpg"):
    for kind, content, ending in (("images", image, suffix), ("masks", mask, ".png")):
        path = folder / kind / f"{name}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), content)


def prepare(folder, **changes):
    options = {"val_share": 0.3, "seed": 1} | changes
    return prepare_folder(
        folder / "images", folder / "masks", folder / "labels.yaml", folder / "out", **options
    )


def test_every_frame_is_listed_in_one_split_with_its_sub_folder(folder):
    summary = prepare(folder)
    assert summary.defects == []
    assert summary.frames == {"train": 6, "val": 4}  # whole sub-folders, 0.3 at least
    assert summary.class_pixels == {"bench": 10 * 21 * 16, "robot": 10 * 21 * 16, "cable": 0}
    rows = read_manifest(folder / "out")
    assert len({(row.scene, row.split) for row in rows}) == 5
    assert (folder / "out" / "defects.txt").read_text() == ""
    assert prepare(folder).frames == summary.frames
    assert read_manifest(folder / "out") == rows


def test_the_command_line_is_recorded_beside_what_it_wrote(folder):
    pytest.importorskip("open3d")  # the command line also offers rendering
    from training.__main__ import main

    words = ["prepare", "--images", str(folder / "images"), "--masks", str(folder / "masks")]
    words += ["--label-space", str(folder / "labels.yaml"), "--out", str(folder / "out")]
    assert main(words) == 0
    recorded = (folder / "out" / "commands.txt").read_text().splitlines()
    assert recorded[1:] == [f"python -m training {' '.join(words)}"]


def test_prepared_frames_load_with_their_own_ids(folder):
    prepare(folder)
    space = LabelSpace.load(folder / "labels.yaml")
    frames = open_frames(folder / "out", "train", space)
    assert isinstance(frames, ManifestFrames)
    assert len(frames) == 6
    image, labels = frames.load(0)
    number = int(frames.frames[0].name)
    assert abs(float(image.mean()) - 20 * number) < 2
    assert (labels[:3] == 255).all()
    assert (labels[3:, 16:] == 1).all()
    assert (labels[3:, :16] == 0).all()


def test_the_folder_may_move_with_its_data(folder, tmp_path_factory):
    prepare(folder)
    moved = tmp_path_factory.mktemp("elsewhere") / "data"
    folder.rename(moved)
    space = LabelSpace.load(moved / "labels.yaml")
    assert open_frames(moved / "out", "val", space).load(0)[1].shape == (24, 32)


def test_linked_images_keep_their_names(folder):
    for number, path in enumerate(sorted((folder / "images").rglob("*.jpg"))):
        path.rename(folder / f"MD5E-{number}.jpg")
        path.symlink_to(folder / f"MD5E-{number}.jpg")
    prepare(folder)
    assert {row.frame for row in read_manifest(folder / "out")} == {f"{k:03d}" for k in range(10)}


def test_images_without_sub_folders_are_divided_one_by_one(tmp_path):
    (tmp_path / "labels.yaml").write_text(yaml.safe_dump(SPACE))
    mask = np.zeros((8, 8), np.uint8)
    mask[4:] = 1
    for number in range(10):
        write(tmp_path, f"{number}", np.zeros((8, 8, 3), np.uint8), mask, ".png")
    assert prepare(tmp_path).frames == {"train": 7, "val": 3}


@pytest.mark.parametrize(
    ("spoil", "defect"),
    [
        (lambda i, m: i.write_bytes(i.read_bytes()[:20]), "000.jpg cannot be read as an image"),
        (lambda i, m: m.unlink(), "masks/take0/000.png can't be read (No such file or directory)"),
        (lambda i, m: m.write_bytes(b""), "000.png cannot be read as an image"),
        (
            lambda i, m: cv2.imwrite(str(m), np.zeros((24, 32, 3), np.uint8)),
            "000.png has 3 channels; labels are one-channel images of class ids",
        ),
        (
            lambda i, m: cv2.imwrite(str(m), np.zeros((12, 16), np.uint8)),
            "000.png is 16x12 pixels, its image 32x24",
        ),
        (
            lambda i, m: cv2.imwrite(str(m), np.full((24, 32), 7, np.uint8)),
            "000.png holds the ids 7, which its label space does not know (0 to 2, and 255",
        ),
        (
            lambda i, m: cv2.imwrite(str(m), np.full((24, 32), 255, np.uint8)),
            "000.png has no labelled pixel",
        ),
        (lambda i, m: i.unlink(), "000.png belongs to no image"),
    ],
)
def test_each_defect_is_one_sentence_and_leaves_one_frame_out(folder, spoil, defect):
    spoil(folder / "images" / "take0" / "000.jpg", folder / "masks" / "take0" / "000.png")
    summary = prepare(folder)
    (found,) = summary.defects
    assert defect in found
    assert "\n" not in found
    assert sum(summary.frames.values()) == 9
    assert (folder / "out" / "defects.txt").read_text() == f"{found}\n"
    assert defect in summary.text()


def test_one_class_only(folder):
    for path in (folder / "masks").rglob("*.png"):
        cv2.imwrite(str(path), np.zeros((24, 32), np.uint8))
    with pytest.raises(DatasetError, match="hold pixels of one class only, nothing to learn from"):
        prepare(folder)
    assert not (folder / "out").exists()


def test_nothing_usable_names_the_first_defect(folder):
    for path in (folder / "masks").rglob("*.png"):
        path.unlink()
    with pytest.raises(DatasetError, match="no usable frame.*the first defect: .*000.png"):
        prepare(folder)


def test_one_sub_folder_only(folder):
    for number in range(1, 5):
        for kind in ("images", "masks"):
            for path in (folder / kind / f"take{number}").iterdir():
                path.unlink()
    with pytest.raises(DatasetError, match="all usable frames lie in one sub-folder"):
        prepare(folder)


def test_missing_folder_and_no_images(folder):
    with pytest.raises(DatasetError, match="nowhere is no folder"):
        prepare_folder(
            folder / "nowhere", folder, folder / "labels.yaml", folder, val_share=0.5, seed=0
        )
    (folder / "empty").mkdir()
    with pytest.raises(DatasetError, match="empty holds no images"):
        prepare_folder(
            folder / "empty", folder, folder / "labels.yaml", folder, val_share=0.5, seed=0
        )


def test_another_label_space_is_refused(folder, repository):
    prepare(folder)
    other = LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")
    with pytest.raises(DatasetError, match="was prepared with the label space 'lab'"):
        open_frames(folder / "out", "train", other)


def test_a_damaged_manifest_is_named_with_its_line(folder):
    prepare(folder)
    path = folder / "out" / "manifest.jsonl"
    lines = path.read_text().splitlines()
    assert json.loads(lines[2])["split"] in ("train", "val")
    lines[2] = lines[2][:30]
    path.write_text("\n".join(lines))
    with pytest.raises(DatasetError, match=r"line 3 of .*manifest\.jsonl is malformed"):
        read_manifest(folder / "out")


def test_a_folder_with_a_published_data_set_is_not_written_over(folder):
    (folder / "out").mkdir()
    (folder / "out" / "dataset.yaml").write_text("dataset: nyu\n")
    with pytest.raises(DatasetError, match="prepared data set of another kind"):
        prepare(folder)
    assert [path.name for path in (folder / "out").iterdir()] == ["dataset.yaml"]
