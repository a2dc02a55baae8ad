# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Meshes and their annotation."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("trimesh")

from training.data.defects import DefectError, DefectKind
from training.data.labelled_frames import DatasetError
from training.data.manifest import ScanRow
from training.data.open_scan import open_scan, scan_files
from training.data.scannet.scans import read_scan

SCENE = "scene0000_00"
AGGREGATION = f"{SCENE}.aggregation.json"
SEGMENTS = f"{SCENE}_vh_clean_2.0.010000.segs.json"
LABELLED = f"{SCENE}_vh_clean_2.labels.ply"


def only(defects):
    (defect,) = defects
    assert "\n" not in defect.text and defect.scene == SCENE and not defect.dropped
    return defect


def test_labels_and_instances_are_those_of_the_annotation(tmp_path, files):
    # labels that only the annotation can give
    folder = files.write_scan(tmp_path, labels=(7, 7, 7, 7, 7, 7))
    read = read_scan(folder)
    assert read.defects == []
    scan = read.scan
    np.testing.assert_array_equal(scan.labels, [5, 5, 5, 1, 1, 0])
    np.testing.assert_array_equal(scan.instances, [1, 1, 1, 5, 5, 0])
    assert scan.labels.dtype == np.uint16 and scan.points.dtype == np.float32
    np.testing.assert_array_equal(scan.points[:, 0], range(6))
    np.testing.assert_array_equal(scan.points[:, 2], [2, 1, 2, 1, 2, 1])
    np.testing.assert_array_equal(scan.colors, [(k, 20, 30) for k in range(6)])
    np.testing.assert_array_equal(scan.faces, [(0, 1, 2), (3, 4, 5)])
    opened = open_scan(tmp_path, ScanRow(SCENE, "train", "scannet", f"scans/{SCENE}"))
    np.testing.assert_array_equal(opened.labels, scan.labels)


def test_every_file_that_a_scan_is_read_from_is_named(tmp_path, files):
    """As is what would be read if it were there."""
    files.write_scan(tmp_path)
    row = ScanRow(SCENE, "train", "scannet", f"scans/{SCENE}")
    named = scan_files(tmp_path, row)
    there = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(there) == 5 and set(there) <= set(named)
    assert tmp_path / "scans" / "scannetv2-labels.combined.tsv" in named
    (tmp_path / "room.ply").touch()
    assert scan_files(tmp_path, ScanRow("a", "train", "ply", "room.ply")) == [tmp_path / "room.ply"]
    with pytest.raises(DatasetError, match="is of the unknown format 'obj'"):
        scan_files(tmp_path, ScanRow("a", "train", "obj", "room.obj"))


def test_without_annotation_labels_are_those_of_the_labelled_mesh(tmp_path, files):
    folder = files.write_scan(tmp_path, labels=(5, 5, 4, 3, 2, 0))
    for name in (AGGREGATION, SEGMENTS):
        (folder / name).unlink()
    read = read_scan(folder)
    assert read.defects == []
    np.testing.assert_array_equal(read.scan.labels, [5, 5, 4, 3, 2, 0])
    assert read.scan.instances is None


def test_stray_ids_become_unlabeled_and_are_counted_by_id(tmp_path, files):
    folder = files.write_scan(tmp_path, labels=(50, 50, 149, 1, 40, 0))
    for name in (AGGREGATION, SEGMENTS):
        (folder / name).unlink()
    read = read_scan(folder)
    np.testing.assert_array_equal(read.scan.labels, [0, 0, 0, 1, 40, 0])
    assert [d.kind for d in read.defects] == [DefectKind.UNKNOWN_LABEL] * 2
    assert read.defects[0].text.startswith("2 points of ") and "id 50" in read.defects[0].text
    assert read.defects[1].text.startswith("1 points of ") and "id 149" in read.defects[1].text


def test_stray_ids_take_what_the_aggregation_says(tmp_path, files):
    folder = files.write_scan(tmp_path, labels=(50, 50, 50, 1, 1, 0))
    read = read_scan(folder, compare=True)
    np.testing.assert_array_equal(read.scan.labels, [5, 5, 5, 1, 1, 0])
    assert "3 points" in only(read.defects).text
    assert "take what the aggregation says" in read.defects[0].text
    assert read_scan(folder).defects == []


def test_without_any_annotation_there_are_no_labels(tmp_path, files):
    folder = files.write_scan(tmp_path)
    for name in (AGGREGATION, SEGMENTS, LABELLED):
        (folder / name).unlink()
    read = read_scan(folder)
    assert read.defects == [] and read.scan.labels is None and len(read.scan.points) == 6


def change_groups(folder, groups):
    (folder / AGGREGATION).write_text(json.dumps({"segGroups": groups}))


def test_an_object_with_a_segment_that_is_not_there_keeps_the_others(tmp_path, files):
    folder = files.write_scan(tmp_path)
    change_groups(folder, [files.groups[0], files.groups[1] | {"segments": [20, 77, 1000000]}])
    read = read_scan(folder)
    np.testing.assert_array_equal(read.scan.labels, [5, 5, 5, 1, 1, 0])
    defect = only(read.defects)
    assert defect.kind is DefectKind.DAMAGED_FILE
    assert "the object 4 of" in defect.text and "has 2 segments that are not in" in defect.text


def test_an_object_of_an_unknown_category_is_unlabeled_but_stays_an_instance(tmp_path, files):
    folder = files.write_scan(tmp_path)
    change_groups(folder, [files.groups[0] | {"label": "flux capacitor"}, files.groups[1]])
    read = read_scan(folder)
    np.testing.assert_array_equal(read.scan.labels, [0, 0, 0, 1, 1, 0])
    np.testing.assert_array_equal(read.scan.instances, [1, 1, 1, 5, 5, 0])
    defect = only(read.defects)
    assert defect.kind is DefectKind.UNKNOWN_LABEL and "'flux capacitor'" in defect.text


def test_a_table_with_an_id_beyond_nyu40_gives_no_label(tmp_path, files):
    folder = files.write_scan(tmp_path)
    table = tmp_path / "scannetv2-labels.combined.tsv"
    table.write_text("id\traw_category\tnyu40id\n1\twall\t1\n5\toffice chair\t149\n")
    read = read_scan(folder)
    np.testing.assert_array_equal(read.scan.labels, [0, 0, 0, 1, 1, 0])
    assert "has the unknown id 149" in only(read.defects).text


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        (AGGREGATION, None, DefectKind.MISSING_FILE),
        (SEGMENTS, None, DefectKind.MISSING_FILE),
        ("../../scannetv2-labels.combined.tsv", None, DefectKind.MISSING_FILE),
        (AGGREGATION, "{", DefectKind.DAMAGED_FILE),
        (AGGREGATION, "[" * 100_000, DefectKind.DAMAGED_FILE),
        (AGGREGATION, "[]", DefectKind.DAMAGED_FILE),
        (AGGREGATION, '{"segGroups": 3}', DefectKind.DAMAGED_FILE),
        (AGGREGATION, '{"segGroups": [{"objectId": 1}]}', DefectKind.DAMAGED_FILE),
        (
            AGGREGATION,
            '{"segGroups": [{"objectId": -1, "segments": [10], "label": "wall"}]}',
            DefectKind.DAMAGED_FILE,
        ),
        (
            AGGREGATION,
            '{"segGroups": [{"objectId": 1, "segments": ["x"], "label": "wall"}]}',
            DefectKind.DAMAGED_FILE,
        ),
        (SEGMENTS, '{"segIndices": [1, 2, 3]}', DefectKind.DAMAGED_FILE),
        (SEGMENTS, '{"segIndices": [1, 2, 3, 4, 5, 1e99]}', DefectKind.DAMAGED_FILE),
        (SEGMENTS, '{"segIndices": [1, 2, 3, 4, 5, [6]]}', DefectKind.DAMAGED_FILE),
    ],
)
def test_a_damaged_annotation_leaves_the_labelled_mesh(tmp_path, files, name, content, kind):
    folder = files.write_scan(tmp_path, labels=(7, 7, 7, 7, 7, 7))
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    read = read_scan(folder)
    np.testing.assert_array_equal(read.scan.labels, [7] * 6)
    assert only(read.defects).kind is kind


@pytest.mark.parametrize("content", ["mesh without labels", b"ply\nnothing"])
def test_a_labelled_mesh_that_does_not_fit_leaves_no_labels(tmp_path, files, content):
    folder = files.write_scan(tmp_path)
    (folder / AGGREGATION).unlink()
    (folder / SEGMENTS).unlink()
    (folder / LABELLED).write_bytes(content if isinstance(content, bytes) else files.mesh_bytes())
    read = read_scan(folder)
    assert read.scan.labels is None and only(read.defects).kind is DefectKind.DAMAGED_FILE


@pytest.mark.parametrize("cut", [None, 0, 150, 300, 371])
def test_a_mesh_that_cannot_be_read_is_an_error(tmp_path, files, cut):
    folder = files.write_scan(tmp_path)
    path = folder / f"{SCENE}_vh_clean_2.ply"
    if cut is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DefectError) as caught:
        read_scan(folder)
    expected = DefectKind.MISSING_FILE if cut is None else DefectKind.DAMAGED_FILE
    assert caught.value.kind is expected
