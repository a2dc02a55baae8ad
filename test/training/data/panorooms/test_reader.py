# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import json

import cv2
import numpy as np
import pytest

from seg3d2d_ros.labels import LabelSpace
from training.data.defects import DefectKind
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestFrames, read_manifest, read_scans
from training.data.open_scan import open_scan
from training.data.panorooms.blocks import block_scene, read_block, read_block_list
from training.data.panorooms.panoramas import panorama_pose
from training.data.panorooms.rooms import read_room
from training.data.prepare_dataset import prepare_dataset
from training.data.registry import open_dataset


@pytest.fixture
def space(repository):
    return LabelSpace.load(repository / "config/labels/panorooms30.yaml")


def prepared(root, out, space):
    return prepare_dataset(open_dataset("panorooms", root), out, space)


def test_a_sound_data_set_is_listed_whole(root, tmp_path, space):
    out = tmp_path / "prepared"
    summary = prepared(root, out, space)
    assert summary.defects == [] and summary.frames == {"train": 2, "test": 1}
    rows = read_manifest(out)
    assert [(row.scene, row.split) for row in rows] == [
        ("a_1", "train"),
        ("a_12", "train"),
        ("b_0", "test"),
    ]
    assert all(row.pose is None and row.intrinsics is None for row in rows)
    scans = read_scans(out)
    assert [scan.format for scan in scans] == ["panorooms"] * 3
    assert read_room(out / scans[0].path).sdf.shape == (6, 5, 4)
    assert len(open_scan(out, scans[0]).points) > 0
    blocks = read_block_list(out / "unpacked/a_1")
    assert [block.resolve() for block in blocks] == [(root / "blocks/a_1_0.npz").resolve()]
    assert read_block(blocks[0]).labels[0, 1, 2] == 17


def test_trainings_leave_out_pixels_without_a_class(root, tmp_path, space):
    prepared(root, tmp_path / "prepared", space)
    frames = ManifestFrames(tmp_path / "prepared", "train", space)
    label = cv2.imread(str(root / "panoramas/annotations/training/a_1.png"), -1)
    _, read = frames.load(0)
    assert (label == 0).any()
    assert (read[label == 0] == 255).all() and (read[label > 0] == label[label > 0]).all()


def test_lists_may_lie_in_a_folder_of_their_own(root):
    (root / "splits").mkdir()
    for split in ("train", "val", "test"):
        (root / f"{split}.txt").rename(root / f"splits/{split}.txt")
    assert open_dataset("panorooms", root).scenes() == {
        "a_1": "train",
        "a_12": "train",
        "b_0": "test",
    }


def test_a_folder_that_is_no_data_set_is_refused(root, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="neither 'rooms' nor 'panoramas'"):
        open_dataset("panorooms", tmp_path / "empty").scenes()
    (root / "val.txt").write_text("a_1\n")
    with pytest.raises(DatasetError, match="a_1 both in train and val"):
        open_dataset("panorooms", root).scenes()
    for split in ("train", "val", "test"):
        (root / f"{split}.txt").unlink()
    with pytest.raises(DatasetError, match="no list of scenes"):
        open_dataset("panorooms", root).scenes()
    (root / "train.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DatasetError, match="cannot be read"):
        open_dataset("panorooms", root).scenes()


IMAGE, LABEL = "panoramas/images/training/a_1.jpg", "panoramas/annotations/training/a_1.png"


def cut(path):
    path.write_bytes(path.read_bytes()[:40])


def gone(path):
    path.unlink()


def written(array):
    return lambda path: cv2.imwrite(str(path), array)


@pytest.mark.parametrize(
    ("damage", "kind", "dropped", "rows", "scans", "text"),
    [
        ([("rooms/a_1.npz", gone)], DefectKind.MISSING_FILE, True, 3, 2, "is not there"),
        ([("rooms/a_1.npz", cut)], DefectKind.DAMAGED_FILE, True, 3, 2, ".npz file"),
        (
            [(IMAGE, gone), (LABEL, gone)],
            DefectKind.MISSING_FILE,
            False,
            2,
            3,
            "a_1 has no panorama",
        ),
        (
            [(IMAGE, gone), (LABEL, gone), ("rooms/a_1.npz", gone)],
            DefectKind.MISSING_FILE,
            True,
            2,
            2,
            "no room and no panorama",
        ),
        ([(IMAGE, gone)], DefectKind.MISSING_FILE, True, 2, 3, "a_1.jpg can't be read"),
        ([(LABEL, gone)], DefectKind.MISSING_FILE, True, 2, 3, "a_1.png can't be read"),
        ([(IMAGE, cut)], DefectKind.UNREADABLE_IMAGE, True, 2, 3, "a_1.jpg cannot be read"),
        ([(LABEL, cut)], DefectKind.UNREADABLE_IMAGE, True, 2, 3, "a_1.png cannot be read"),
        (
            [(LABEL, written(np.full((8, 16), 30, np.uint8)))],
            DefectKind.UNKNOWN_LABEL,
            True,
            2,
            3,
            "holds the ids 30",
        ),
        (
            [(LABEL, written(np.zeros((8, 16), np.uint8)))],
            DefectKind.NO_LABEL,
            True,
            2,
            3,
            "no labelled pixel",
        ),
        (
            [(LABEL, written(np.ones((8, 15), np.uint8)))],
            DefectKind.SIZE_MISMATCH,
            True,
            2,
            3,
            "twice as wide as high",
        ),
        (
            [(LABEL, written(np.ones((4, 8), np.uint8)))],
            DefectKind.SIZE_MISMATCH,
            True,
            2,
            3,
            "is 8x4 pixels, its image 16x8",
        ),
        ([("blocks/a_1_0.npz", cut)], DefectKind.DAMAGED_FILE, True, 3, 3, "a_1_0.npz is no"),
    ],
)
def test_defects_are_listed_and_the_rest_is_used(
    root, tmp_path, space, damage, kind, dropped, rows, scans, text
):
    for name, mend in damage:
        mend(root / name)
    out = tmp_path / "prepared"
    summary = prepared(root, out, space)
    (defect,) = summary.defects
    assert (defect.kind, defect.dropped, defect.scene) == (kind, dropped, "a_1")
    assert text in defect.text
    assert len(read_manifest(out)) == rows and len(read_scans(out)) == scans
    if "block" in text or damage[0][0].startswith("blocks"):
        assert read_block_list(out / "unpacked/a_1") == []


def test_an_unknown_id_in_a_room_is_a_defect(root, tmp_path, space, room_arrays):
    room_arrays["semanticlabel"][2, 2, 2] = 99
    room_arrays["sdf128"][2, 2, 2] = 0
    np.savez_compressed(root / "rooms/a_1.npz", **room_arrays)
    (defect,) = prepared(root, tmp_path / "prepared", space).defects
    assert defect.kind is DefectKind.UNKNOWN_LABEL and "unknown ids 99" in defect.text


def test_files_of_unlisted_scenes_are_strays(root, tmp_path, space):
    (root / "test.txt").write_text("")
    defects = prepared(root, tmp_path / "prepared", space).defects
    assert [defect.kind for defect in defects] == [DefectKind.STRAY_FILE] * 4
    texts = " ".join(defect.text for defect in defects)
    assert all(name in texts for name in ("rooms/b_0.npz", "b_0.jpg", "b_0.png", "1 blocks"))


def test_labels_in_three_channels_are_unpacked_to_one(root, tmp_path, space):
    path = root / LABEL
    label = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(path), cv2.merge([label] * 3))
    out = tmp_path / "prepared"
    assert prepared(root, out, space).defects == []
    row = read_manifest(out)[0]
    assert row.label == "unpacked/a_1/a_1.png"
    assert (cv2.imread(str(out / row.label), cv2.IMREAD_UNCHANGED) == label).all()


def test_blocks_may_lie_in_folders_as_the_published_code_reads_them(root, tmp_path, space):
    for scene, part in (("a_1", "train"), ("a_12", "val"), ("b_0", "test")):
        (root / "blocks" / part).mkdir()
        (root / f"blocks/{scene}_0.npz").rename(root / f"blocks/{part}/{scene}_0.npz")
    (root / "blocks/val/c_0.npz").write_bytes(b"")
    (root / "blocks/train").rename(tmp_path / "linked")
    (root / "blocks/train").symlink_to(tmp_path / "linked")
    out = tmp_path / "prepared"
    (stray,) = prepared(root, out, space).defects
    assert "has 1 blocks, c_0.npz the first" in stray.text
    for scene, part in (("a_1", "train"), ("a_12", "val"), ("b_0", "test")):
        (block,) = read_block_list(out / "unpacked" / scene)
        assert block.samefile(root / f"blocks/{part}/{scene}_0.npz")
        assert block.name == f"{scene}_0.npz"


def test_a_scene_without_blocks_is_a_defect_where_there_are_any(root, tmp_path, space):
    for scene in ("a_1", "b_0"):
        (root / f"blocks/{scene}_0.npz").unlink()
    (defect,) = prepared(root, tmp_path / "prepared", space).defects
    assert defect.kind is DefectKind.MISSING_FILE and not defect.dropped
    assert defect.scene == "a_1" and "a_1 has no blocks in" in defect.text
    assert read_block_list(tmp_path / "prepared/unpacked/a_1") == []
    (root / "blocks").rename(tmp_path / "away")
    assert prepared(root, tmp_path / "none", space).defects == []


def test_scenes_may_have_spaces_and_brackets(root, tmp_path, space):
    for path in [*root.rglob("a_1.*"), *root.rglob("a_1_0.*")]:
        path.rename(path.with_name(path.name.replace("a_1", "a [1]", 1)))
    (root / "train.txt").write_text("a [1]\na_12\n")
    assert prepared(root, tmp_path / "prepared", space).defects == []
    assert len(read_block_list(tmp_path / "prepared/unpacked/a [1]")) == 1


def test_a_block_is_of_the_scene_with_the_longest_fitting_name():
    scenes = {"a_1": "train", "a_12": "train", "a_1_2": "val"}
    assert block_scene("a_1_0", scenes) == "a_1"
    assert block_scene("a_12_0", scenes) == "a_12"
    assert block_scene("a_1_2_0", scenes) == "a_1_2"
    assert block_scene("a_13_0", scenes) is None


def test_a_malformed_list_of_blocks_is_refused(tmp_path):
    (tmp_path / "blocks.json").write_text(json.dumps([1])[:2])
    with pytest.raises(DatasetError, match="malformed"):
        read_block_list(tmp_path)
    assert read_block_list(tmp_path / "none") == []


def test_panoramas_look_along_the_volumes_first_axis_with_the_second_on_the_right():
    pose = panorama_pose((11, 21, 31))
    # the room's x is the volume's second axis, its y the first
    assert np.allclose(pose[:3, 3], [0.4, 0.2, 0.6])
    right, down, forward = pose[:3, :3].T
    assert forward.tolist() == [0, 1, 0] and right.tolist() == [1, 0, 0]
    assert down.tolist() == [0, 0, -1]
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)
