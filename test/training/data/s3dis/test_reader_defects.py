# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import json
import shutil

import cv2
import numpy as np
import pytest
from s3dis_by_hand import CORNER, names, write_cloud, write_images

from seg3d2d_ros.labels import LabelSpace
from training.data.defects import DefectKind
from training.data.manifest import read_manifest
from training.data.prepare_dataset import prepare_dataset
from training.data.registry import open_dataset


@pytest.fixture(scope="module")
def space(repository):
    return LabelSpace.load(repository / "config" / "labels" / "s3dis13.yaml")


def prepared_room(root, tmp_path, scene="Area_1_office_1"):
    return open_dataset("s3dis", root).prepare_scene(scene, "train", tmp_path / "out" / scene)


def a_file(root, kind, frame=1):
    (file,) = (root / "area_1" / "data" / kind).glob(f"*_frame_{frame}_*")
    return file


def test_areas_that_are_not_there_are_named(area_1):
    texts = [d.text for d in open_dataset("s3dis", area_1).stray_defects()]
    assert len(texts) == 5
    assert "no clouds (Area_2) and no images (area_2/data), which the protocol 'area5'" in texts[0]


def test_half_of_area_5_that_is_not_there_is_named(areas, tmp_path):
    for name in ("Area_5", "area_5b", "assets"):
        shutil.copytree(areas / name, tmp_path / name)
    texts = [d.text for d in open_dataset("s3dis", tmp_path).stray_defects()]
    assert any("no images (area_5a/data)" in text for text in texts)


def test_files_of_no_frame_are_named(area_1):
    for name in ("camera_1_office_1_frame_equirectangular_domain_rgb.png", ".gitkeep", "a.png"):
        (area_1 / "area_1" / "data" / "rgb" / name).touch()
    strays = [
        d for d in open_dataset("s3dis", area_1).stray_defects() if d.kind is DefectKind.STRAY_FILE
    ]
    assert len(strays) == 2 and not any(d.dropped for d in strays)


@pytest.mark.parametrize(
    ("kind", "lost"), [("depth", "depth"), ("semantic", "label"), ("pose", "pose")]
)
def test_a_frame_is_used_without_a_missing_file(area_1, tmp_path, kind, lost):
    file = a_file(area_1, kind)
    file.unlink()
    prepared = prepared_room(area_1, tmp_path)
    assert [getattr(row, lost) is None for row in prepared.rows] == [False, True, False]
    (defect,) = prepared.defects
    assert defect.kind is DefectKind.MISSING_FILE and defect.file == str(file)
    assert not defect.dropped


def test_a_frame_without_its_image_is_left_out(area_1, tmp_path):
    a_file(area_1, "rgb").unlink()
    prepared = prepared_room(area_1, tmp_path)
    assert len(prepared.rows) == 2
    (defect,) = prepared.defects
    assert defect.kind is DefectKind.MISSING_FILE and defect.dropped


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("kind", ["depth", "semantic", "pose"])
def test_a_kind_of_file_that_the_area_lacks_is_one_defect(area_1, tmp_path, kind, there):
    shutil.rmtree(area_1 / "area_1" / "data" / kind)
    if there:  # as in a clone of the repository
        (area_1 / "area_1" / "data" / kind).mkdir()
        (area_1 / "area_1" / "data" / kind / ".gitkeep").touch()
    prepared = prepared_room(area_1, tmp_path)
    assert len(prepared.rows) == 3
    (defect,) = prepared.defects
    assert defect.kind is DefectKind.MISSING_FILE and f"data/{kind} has no files" in defect.text


def test_a_damaged_pose_is_a_defect_and_the_frame_is_used(area_1, tmp_path):
    a_file(area_1, "pose").write_text("{")
    prepared = prepared_room(area_1, tmp_path)
    assert [row.pose is None for row in prepared.rows] == [False, True, False]
    assert [(d.kind, d.dropped) for d in prepared.defects] == [(DefectKind.DAMAGED_FILE, False)]


def test_a_wrong_place_is_a_lost_pose(area_1, tmp_path):
    file = a_file(area_1, "pose")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"camera_location": [0, 0, 0]}))
    prepared = prepared_room(area_1, tmp_path)
    assert [row.pose is None for row in prepared.rows] == [False, True, False]
    assert [d.kind for d in prepared.defects] == [DefectKind.LOST_POSE]


def test_unknown_indices_are_a_defect_and_have_no_label(area_1, tmp_path):
    file = a_file(area_1, "semantic")
    image = cv2.imread(str(file))
    image[10, 10:15] = (255, 255, 255)
    cv2.imwrite(str(file), image)
    prepared = prepared_room(area_1, tmp_path)
    (defect,) = prepared.defects
    assert defect.kind is DefectKind.UNKNOWN_LABEL and "5 pixels" in defect.text
    label = cv2.imread(prepared.rows[1].label, cv2.IMREAD_UNCHANGED)
    assert (label[10, 10:15] == 255).all()


@pytest.mark.parametrize("grey", [False, True])
def test_a_semantic_image_that_can_not_be_read_leaves_its_frame_out(area_1, tmp_path, grey):
    file = a_file(area_1, "semantic")
    if grey:
        cv2.imwrite(str(file), np.zeros((48, 48), np.uint8))
    else:
        file.write_bytes(file.read_bytes()[:40])
    prepared = prepared_room(area_1, tmp_path)
    assert len(prepared.rows) == 2
    assert [(d.kind, d.dropped) for d in prepared.defects] == [(DefectKind.UNREADABLE_IMAGE, True)]


def test_depth_that_misses_the_points_loses_the_poses(area_1, tmp_path):
    """As with clouds of the aligned version under another name: turned by 90 degrees."""
    for file in (area_1 / "Area_1" / "office_1" / "Annotations").iterdir():
        points = np.loadtxt(file)
        x, y = points[:, 0] - CORNER[1][0] - 2, points[:, 1] - CORNER[1][1] - 1.5
        points[:, 0], points[:, 1] = CORNER[1][0] + 2 - y, CORNER[1][1] + 1.5 + x
        np.savetxt(file, points, fmt="%.3f")
    prepared = prepared_room(area_1, tmp_path)
    assert len(prepared.rows) == 3 and all(row.pose is None for row in prepared.rows)
    (defect,) = prepared.defects
    assert defect.kind is DefectKind.LOST_POSE and not defect.dropped
    assert "3 frames are used without pose" in defect.text


def test_a_room_with_images_alone_or_a_cloud_alone_is_a_defect(area_1, tmp_path):
    write_cloud(area_1 / "Area_1", 1, "WC_1")
    scenes = open_dataset("s3dis", area_1).scenes()
    assert list(scenes) == ["Area_1_WC_1", "Area_1_office_1"]
    lonely = prepared_room(area_1, tmp_path, "Area_1_WC_1")
    assert lonely.rows == [] and lonely.scan is not None
    assert [(d.kind, d.dropped) for d in lonely.defects] == [(DefectKind.STRAY_FILE, False)]
    shutil.rmtree(area_1 / "Area_1" / "office_1")
    lonely = prepared_room(area_1, tmp_path)
    assert len(lonely.rows) == 3 and lonely.scan is None
    assert [(d.kind, d.dropped) for d in lonely.defects] == [(DefectKind.STRAY_FILE, False)]


def test_an_invalid_byte_in_a_cloud_is_a_defect_of_the_room(area_1, tmp_path):
    file = area_1 / "Area_1" / "office_1" / "Annotations" / "ceiling_1.txt"
    content = bytearray(file.read_bytes())
    content[-4] = 0x10  # a decimal of the last point's blue
    file.write_bytes(content)
    prepared = prepared_room(area_1, tmp_path)
    (defect,) = prepared.defects
    assert defect.kind is DefectKind.DAMAGED_FILE and not defect.dropped
    assert defect.file == str(file) and f"line {content.count(10)} of" in defect.text


def test_prepare_lists_the_defects_and_goes_on(area_1, space, tmp_path):
    a_file(area_1, "rgb", 0).write_bytes(b"no image")
    a_file(area_1, "depth", 1).write_bytes(b"no image")
    file = a_file(area_1, "semantic", 2)
    cv2.imwrite(str(file), np.full((48, 48, 3), 0x0D, np.uint8))
    prepared = prepare_dataset(open_dataset("s3dis", area_1), tmp_path / "out", space)
    (row,) = read_manifest(prepared.folder)
    assert row.depth is None and row.pose is not None
    kinds = [d.kind for d in prepared.defects if d.scene]
    assert kinds == [
        DefectKind.UNREADABLE_IMAGE,
        DefectKind.UNREADABLE_IMAGE,
        DefectKind.NO_LABEL,
    ]


def test_images_of_the_published_size_are_read(tmp_path):
    write_images(tmp_path / "area_1" / "data", 1, 1, size=1080)
    (tmp_path / "semantic_labels.json").write_text(json.dumps(names()))
    prepared = prepared_room(tmp_path, tmp_path)
    (row,) = prepared.rows
    assert row.intrinsics == [1080, 1080, 648, 648, 539.5, 539.5]
    assert cv2.imread(row.label, cv2.IMREAD_UNCHANGED).shape == (1080, 1080)
