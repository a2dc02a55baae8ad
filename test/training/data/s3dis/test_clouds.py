# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np

from training.data.defects import DefectKind
from training.data.s3dis.clouds import read_room


def write(tmp_path, **files):
    folder = tmp_path / "office_1" / "Annotations"
    folder.mkdir(parents=True)
    for name, lines in files.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "office_1"


def test_files_follow_each_other_in_the_order_of_their_names(tmp_path):
    folder = write(
        tmp_path,
        table_2=["3 3 3 3 3 3"],
        chair_10=["1 1 1 1 1 1", "1.5 1 1 1 1 1"],
        stairs_1=["2 2 2 2 2 2"],
    )
    (folder / "Annotations" / ".DS_Store").write_bytes(b"x")
    (folder / "Annotations" / "._chair_1.txt").write_bytes(b"x")
    cloud = read_room(folder, "Area_1_office_1")
    assert cloud.defects == []
    scan = cloud.scan
    assert scan.points[:, 0].tolist() == [1, 1.5, 2, 3] and scan.points.dtype == np.float32
    assert scan.colors[:, 1].tolist() == [1, 1, 2, 3] and scan.colors.dtype == np.uint8
    assert scan.labels.tolist() == [8, 8, 12, 7]
    assert scan.instances.tolist() == [1, 1, 2, 3]
    assert scan.faces is None


def test_a_file_of_no_class_is_a_defect_and_its_points_have_no_label(tmp_path):
    folder = write(tmp_path, piano_1=["1 1 1 1 1 1"], wall_1=["2 2 2 2 2 2"])
    cloud = read_room(folder, "s")
    assert cloud.scan.labels.tolist() == [255, 2]
    assert [(d.kind, d.dropped) for d in cloud.defects] == [(DefectKind.UNKNOWN_LABEL, False)]


def test_a_damaged_file_is_left_out_and_the_others_are_used(tmp_path):
    folder = write(tmp_path, chair_1=["a b"] * 50, wall_1=["2 2 2 2 2 2"])
    cloud = read_room(folder, "s")
    assert cloud.scan.labels.tolist() == [2] and cloud.scan.instances.tolist() == [1]
    assert [(d.kind, d.dropped, d.scene) for d in cloud.defects] == [
        (DefectKind.DAMAGED_FILE, True, "s")
    ]


def test_a_damaged_line_is_a_defect_with_file_and_line(tmp_path):
    folder = write(tmp_path, wall_1=["2 2 2 2 2 2", "1 2 3 4 5"])
    cloud = read_room(folder, "s")
    assert len(cloud.scan.points) == 1
    (defect,) = cloud.defects
    assert defect.kind is DefectKind.DAMAGED_FILE and not defect.dropped
    assert defect.file.endswith("wall_1.txt") and "line 2 of" in defect.text


def test_a_room_without_clouds_is_a_defect(tmp_path):
    cloud = read_room(write(tmp_path), "s")
    assert cloud.scan is None
    assert [d.kind for d in cloud.defects] == [DefectKind.MISSING_FILE]
    cloud = read_room(tmp_path / "nowhere", "s")
    assert cloud.scan is None


def test_a_room_whose_files_are_all_damaged_has_no_scan(tmp_path):
    cloud = read_room(write(tmp_path, wall_1=[""]), "s")
    assert cloud.scan is None
    assert [d.kind for d in cloud.defects] == [DefectKind.DAMAGED_FILE]
