# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import json
import pickle
import shutil

import cv2
import numpy as np
import pytest
import yaml
from s3dis_by_hand import CORNER, IDS, INDEX, SIZE

from seg3d2d_ros.labels import LabelSpace
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestFrames, read_manifest, read_scans
from training.data.open_scan import open_scan
from training.data.prepare_dataset import prepare_dataset
from training.data.registry import open_dataset


@pytest.fixture(scope="module")
def space(repository):
    return LabelSpace.load(repository / "config" / "labels" / "s3dis13.yaml")


def prepared_room(root, tmp_path, scene="Area_1_office_1"):
    return open_dataset("s3dis", root).prepare_scene(scene, "train", tmp_path / "out" / scene)


# the whole


@pytest.fixture(scope="module")
def whole(areas, space, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared")
    return prepare_dataset(open_dataset("s3dis", areas), out, space)


def test_a_sound_data_set_is_prepared_without_a_defect(whole):
    assert whole.defects == []
    assert whole.frames == {"train": 15, "val": 6}
    assert whole.scans == 6
    description = yaml.safe_load((whole.folder / "dataset.yaml").read_text())
    assert description["protocol"] == "area5" and description["label_source"] == "s3dis13"


def test_area_5_alone_is_held_out(whole):
    splits = {row.scene: row.split for row in read_manifest(whole.folder)}
    assert splits.pop("Area_5_office_1") == "val"
    assert set(splits) == {f"Area_{k}_office_1" for k in (1, 2, 3, 4, 6)}
    assert set(splits.values()) == {"train"}


def test_labels_are_ids_of_the_13_classes(whole, areas, space):
    row = read_manifest(whole.folder)[0]
    label = cv2.imread(str(whole.folder / row.label), cv2.IMREAD_UNCHANGED)
    semantic = areas / "area_1" / "data" / "semantic" / f"{row.name}_domain_semantic.png"
    bgr = cv2.imread(str(semantic)).astype(int)
    index = bgr[..., 2] * 65536 + bgr[..., 1] * 256 + bgr[..., 0]
    expected = np.full(label.shape, 255)
    for kind, number in INDEX.items():
        expected[index == number] = IDS[kind]
    np.testing.assert_array_equal(label, expected)
    assert label[0, 0] == 255 and label.dtype == np.uint8
    assert (label < 13).mean() > 0.99
    frames = ManifestFrames(whole.folder, "val", space)
    assert len(frames.rows) == 6


def test_every_frames_depth_lies_on_the_room(whole):
    """Also those of area_5b: back-projected, they lie on the box that Area_5's clouds are of."""
    rows = read_manifest(whole.folder)
    assert len(rows) == 21
    for row in rows:
        stored = cv2.imread(str(whole.folder / row.depth), cv2.IMREAD_UNCHANGED)
        assert row.depth_scale == 512 and set(row.depth_invalid) == {0, 65535}
        _, _, fx, fy, cx, cy = row.intrinsics
        v, u = np.nonzero(stored != 65535)
        z = stored[v, u] / 512
        pose = np.array(row.pose).reshape(4, 4)
        seen = np.stack([(u - cx) / fx * z, (v - cy) / fy * z, z], 1) @ pose[:3, :3].T
        place = seen + pose[:3, 3] - CORNER[int(row.scene[5])]
        gap = np.minimum(np.abs(place), np.abs(SIZE - place)).min(1)
        assert gap.max() < 0.004, row.image  # a step of depth is 2 mm


def test_clouds_are_one_ply_for_each_room(whole):
    rows = read_scans(whole.folder)
    assert [row.scene for row in rows] == [f"Area_{k}_office_1" for k in range(1, 7)]
    scan = open_scan(whole.folder, rows[2])
    # board_1 ceiling_1 floor_1 wall_1 ... wall_4
    assert np.unique(scan.labels).tolist() == [0, 1, 2, 11]
    assert scan.instances.max() == 7 and scan.instances[0] == 1 and scan.labels[0] == 11
    low, high = scan.points.min(0) - CORNER[3], scan.points.max(0) - CORNER[3]
    np.testing.assert_allclose(low, 0, atol=1e-5)
    np.testing.assert_allclose(high, SIZE, atol=1e-5)


def test_preparing_again_gives_the_same_bytes(whole, areas, space, tmp_path):
    again = prepare_dataset(open_dataset("s3dis", areas), tmp_path / "out", space)
    for name in ("manifest.jsonl", "scans.jsonl"):
        rows = [json.loads(x) for x in (again.folder / name).read_text().splitlines()]
        before = [json.loads(x) for x in (whole.folder / name).read_text().splitlines()]
        for row, was in zip(rows, before, strict=True):
            assert row.get("sha256") == was.get("sha256") and row.get("pose") == was.get("pose")
    one = sorted(p for p in again.folder.rglob("*.p[ln][yg]"))
    assert len(one) == 6 + 21
    for file in one:
        assert file.read_bytes() == (whole.folder / file.relative_to(again.folder)).read_bytes()


@pytest.mark.parametrize("area", range(1, 7))
def test_each_area_can_be_held_out(areas, area):
    scenes = open_dataset("s3dis", areas, f"area{area}").scenes()
    assert [s for s, split in scenes.items() if split == "val"] == [f"Area_{area}_office_1"]
    assert len(scenes) == 6


def test_a_reader_can_be_sent_to_other_processes(areas):
    reader = open_dataset("s3dis", areas)
    assert pickle.loads(pickle.dumps(reader)).scenes() == reader.scenes()


# where things lie


def test_the_two_downloads_may_lie_in_folders_of_their_own(area_1, tmp_path):
    (area_1 / "Stanford3dDataset_v1.2").mkdir()
    (area_1 / "Area_1").rename(area_1 / "Stanford3dDataset_v1.2" / "Area_1")
    (area_1 / "no_xyz").mkdir()
    (area_1 / "area_1").rename(area_1 / "no_xyz" / "area_1")
    assert open_dataset("s3dis", area_1).scenes() == {"Area_1_office_1": "train"}
    prepared = prepared_room(area_1, tmp_path)
    assert len(prepared.rows) == 3 and prepared.scan is not None and prepared.defects == []


def test_aligned_clouds_with_images_are_refused(area_1):
    aligned = area_1 / "Stanford3dDataset_v1.2_Aligned_Version"
    aligned.mkdir()
    (area_1 / "Area_1").rename(aligned / "Area_1")
    with pytest.raises(DatasetError, match="aligned version, whose rooms are turned"):
        open_dataset("s3dis", area_1).scenes()


def test_aligned_clouds_are_used_without_images_and_left_where_there_are_others(area_1, tmp_path):
    aligned = area_1 / "Stanford3dDataset_v1.2_Aligned_Version"
    shutil.copytree(area_1 / "Area_1", aligned / "Area_1")
    (aligned / "Area_1" / "office_2").mkdir()
    assert list(open_dataset("s3dis", area_1).scenes()) == ["Area_1_office_1"]
    assert list(open_dataset("s3dis", aligned).scenes()) == ["Area_1_office_1", "Area_1_office_2"]
    prepared = prepared_room(aligned, tmp_path)
    assert prepared.rows == [] and prepared.scan is not None and prepared.defects == []


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="holds neither"):
        open_dataset("s3dis", tmp_path).scenes()


def test_images_without_the_list_of_labels_are_refused(area_1):
    (area_1 / "semantic_labels.json").unlink()
    with pytest.raises(DatasetError, match=r"semantic_labels\.json"):
        open_dataset("s3dis", area_1).scenes()
