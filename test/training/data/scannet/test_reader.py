# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Whole data sets through `prepare`, and every defect that one may have."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("trimesh")

from training.data.defects import DefectKind
from training.data.labelled_frames import DatasetError
from training.data.manifest import read_manifest, read_scans
from training.data.open_frames import open_frames
from training.data.open_scan import open_scan
from training.data.prepare_dataset import prepare_dataset
from training.data.registry import open_dataset
from training.data.scan import read_ply, write_ply
from training.data.scannet.scans import mesh_path

SCENES = ("scene0000_00", "scene0001_00")


def only(prepared):
    (defect,) = prepared.defects
    assert "\n" not in defect.text and len(defect.text) > 20
    return defect


def frames_of(root, scene=SCENES[0]):
    return root / "scannet_frames_25k" / scene


def scan_of(root, scene=SCENES[0]):
    return root / "scans" / scene


def test_whole_scenes_are_listed_without_defects(prepare, root, tmp_path, space, files):
    prepared = prepare()
    assert prepared.defects == [] and prepared.frames == {"train": 2, "val": 2}
    rows = read_manifest(tmp_path / "out")
    assert [(r.scene, r.split, r.frame) for r in rows] == [
        (scene, split, frame)
        for scene, split in zip(SCENES, ("train", "val"), strict=True)
        for frame in ("000000", "000100")
    ]
    for row, number in zip(rows, (0, 1, 0, 1), strict=True):
        np.testing.assert_allclose(row.pose, files.pose_of(number).ravel())
        assert row.intrinsics == pytest.approx([64, 48, 57.6, 57.6, 31.5, 23.5])
        assert row.depth_intrinsics == pytest.approx([32, 24, 28.8, 28.8, 15.5, 11.5])
        assert (row.depth_scale, row.depth_invalid, row.depth_to_color) == (1000, [0], None)
    frames = open_frames(tmp_path / "out", "train", space)
    image, labels = frames.load(1)
    assert image.shape == (48, 64, 3) and set(np.unique(labels)) == {0, 4, 255}
    scans = read_scans(tmp_path / "out")
    assert [(s.scene, s.split) for s in scans] == list(zip(SCENES, ("train", "val"), strict=True))
    np.testing.assert_array_equal(open_scan(tmp_path / "out", scans[0]).labels, [5, 5, 5, 1, 1, 0])


def test_a_protocols_size_is_that_of_the_frames(prepare, tmp_path, space):
    prepare("pri3d")
    image, labels = open_frames(tmp_path / "out", "val", space).load(0)
    assert image.shape == (240, 320, 3) and labels.shape == (240, 320)


def test_official_lists_count_each_scene_that_is_not_there(root, tmp_path, space):
    for path in (root / "splits").iterdir():
        path.unlink()
    prepared = prepare_dataset(open_dataset("scannet", root), tmp_path / "out", space)
    assert prepared.frames == {"train": 4} and len(prepared.defects) == 1611
    assert {d.kind for d in prepared.defects} == {DefectKind.MISSING_FILE}
    assert len({d.scene for d in prepared.defects}) == 1611
    assert (
        "scene0011_00 of the split 'val' is not in"
        in {d.scene: d.text for d in prepared.defects}["scene0011_00"]
    )


def test_a_folder_without_the_data_set_is_named(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    reader = open_dataset("scannet", tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="holds neither scannet_frames_25k nor scans"):
        reader.scenes()
    assert pickle.loads(pickle.dumps(reader)).root == reader.root


def test_a_scene_without_frames_images_or_mesh_is_one_defect_each(prepare, root, files):
    for path in sorted((frames_of(root) / "color").iterdir()):
        path.unlink()
    for path in sorted((frames_of(root) / "label").iterdir()):
        path.unlink()
    (scan_of(root, SCENES[1]) / f"{SCENES[1]}_vh_clean_2.ply").unlink()
    prepared = prepare()
    assert [(d.kind, d.scene) for d in prepared.defects] == [
        (DefectKind.MISSING_FILE, SCENES[0]),
        (DefectKind.MISSING_FILE, SCENES[1]),
    ]
    assert prepared.frames == {"val": 2} and prepared.scans == 1


def test_listed_scenes_that_are_not_there_are_one_defect_each(prepare, root):
    (root / "splits/test.txt").write_text("scene0707_00\nscene0708_00\n")
    prepared = prepare()
    assert [d.scene for d in prepared.defects] == ["scene0707_00", "scene0708_00"]
    assert {d.kind for d in prepared.defects} == {DefectKind.MISSING_FILE}


def test_only_the_test_split_may_lack_labels(prepare, root, tmp_path, files):
    (root / "splits/test.txt").write_text("scene0707_00\n")
    folder = files.write_frames(root, "scene0707_00", parent="scannet_frames_test")
    for path in (folder / "label").iterdir():
        path.unlink()
    scan = files.write_scan(root, "scene0707_00", parent="scans_test")
    for name in (".aggregation.json", "_vh_clean_2.labels.ply", "_vh_clean_2.0.010000.segs.json"):
        (scan / f"scene0707_00{name}").unlink()
    prepared = prepare()
    assert prepared.defects == [] and prepared.frames == {"train": 2, "val": 2, "test": 2}
    assert [row.label for row in read_manifest(tmp_path / "out")[4:]] == [None, None]
    assert open_scan(tmp_path / "out", read_scans(tmp_path / "out")[2]).labels is None


def test_a_mesh_without_labels_is_a_defect_of_train_and_val(prepare, root):
    for name in (".aggregation.json", "_vh_clean_2.labels.ply", "_vh_clean_2.0.010000.segs.json"):
        (scan_of(root) / f"{SCENES[0]}{name}").unlink()
    prepared = prepare()
    assert "have no labels" in only(prepared).text and prepared.scans == 2


def test_a_mesh_without_colours_is_a_defect_and_kept(prepare, root):
    path = mesh_path(scan_of(root))
    write_ply(path, replace(read_ply(path), colors=np.zeros((6, 3), np.uint8)))
    prepared = prepare()
    assert "have no colours" in only(prepared).text and prepared.scans == 2


def test_stray_ids_of_the_mesh_are_counted(prepare, root, files):
    path = scan_of(root) / f"{SCENES[0]}_vh_clean_2.labels.ply"
    path.write_bytes(files.mesh_bytes((50, 50, 5, 1, 1, 0)))
    defect = only(prepare())
    assert defect.kind is DefectKind.UNKNOWN_LABEL and defect.text.startswith("2 points")


def test_a_category_with_two_meanings_is_said_once(prepare, root, files):
    table = root / "scannetv2-labels.combined.tsv"
    table.write_text(files.table.replace("1357\tobject\tobject\t1\t40", "1357\tobject\t\t1\t39"))
    assert "has 'object' twice" in only(prepare()).text


def test_a_recording_stands_in_for_frames(prepare, root, tmp_path, files):
    (frames_of(root)).rename(tmp_path / "away")
    (scan_of(root) / f"{SCENES[0]}.sens").write_bytes(files.sens_bytes(files.recorded(101)))
    prepared = prepare()
    assert "_2d-label-filt.zip is missing" in only(prepared).text
    rows = read_manifest(tmp_path / "out")
    assert [(row.frame, row.label is None) for row in rows[:2]] == [
        ("000000", True),
        ("000100", True),
    ]
    assert rows[0].image == f"unpacked/{SCENES[0]}/color/000000.jpg"
    assert (tmp_path / "out" / rows[0].image).is_file() and rows[0].pose is not None


def test_lost_poses_of_a_recording_are_one_defect_each(prepare, root, tmp_path, files):
    (frames_of(root)).rename(tmp_path / "away")
    (root / "splits/train.txt").unlink()
    (root / "splits/test.txt").write_text(f"{SCENES[0]}\n")
    _, color, depth = files.recorded(1)[0]
    content = files.sens_bytes([(np.full((4, 4), -np.inf), color, depth)])
    (scan_of(root) / f"{SCENES[0]}.sens").write_bytes(content)
    assert only(prepare()).kind is DefectKind.LOST_POSE
    assert {row.scene: row.pose for row in read_manifest(tmp_path / "out")}[SCENES[0]] is None


def test_a_scene_without_frames_and_recording_is_a_defect(prepare, root, tmp_path):
    (frames_of(root)).rename(tmp_path / "away")
    prepared = prepare()
    assert "has no frames: neither" in only(prepared).text and prepared.scans == 2


def test_points_without_any_frames_are_said_once(prepare, root, tmp_path):
    (root / "scannet_frames_25k").rename(tmp_path / "away")
    prepared = prepare()
    assert "has no frames" in only(prepared).text
    assert prepared.frames == {} and prepared.scans == 2


def test_frames_without_any_meshes_are_no_defect(prepare, root, tmp_path):
    (root / "scans").rename(tmp_path / "away")
    prepared = prepare()
    assert prepared.defects == [] and prepared.scans == 0


def test_a_folder_that_no_list_knows_is_a_stray(prepare, root, files):
    files.write_frames(root, "scene0900_00")
    (root / "scans" / "notes").mkdir()
    defect = only(prepare())
    assert defect.kind is DefectKind.STRAY_FILE and defect.scene == "scene0900_00"


@pytest.mark.parametrize("linked", ["scans", f"scans/{SCENES[0]}"])
@pytest.mark.parametrize("beside", ["link", "target"])
def test_linked_folders_give_the_annotations_labels_then_and_later(
    prepare, root, tmp_path, linked, beside
):
    store = tmp_path / "store" / "scans" / "kept"
    store.parent.mkdir(parents=True)
    (root / linked).rename(store)
    (root / linked).symlink_to(store)
    if beside == "target":
        table = root / "scannetv2-labels.combined.tsv"
        for place in {store.parent, store.parent.parent}:
            (place / table.name).write_text(table.read_text())
        table.unlink()
    if linked != "scans" and beside == "target":  # the other scene is not linked
        (root / "splits/val.txt").unlink()
    for mesh in root.glob("scans/*/*.labels.ply"):
        mesh.unlink()  # so that only the annotation can give labels
    prepared = prepare()
    assert prepared.defects == []
    for row in read_scans(tmp_path / "out"):
        scan = open_scan(tmp_path / "out", row)
        np.testing.assert_array_equal(scan.labels, [5, 5, 5, 1, 1, 0])


def test_frames_that_are_links_keep_their_names(prepare, root, tmp_path):
    """As git-annex and DVC keep files."""
    store = tmp_path / "store"
    store.mkdir()
    for number, path in enumerate(sorted(root.glob("scannet_frames_25k/*/*/*"))):
        path.rename(store / f"MD5E-{number}{path.suffix}")
        path.symlink_to(store / f"MD5E-{number}{path.suffix}")
    assert prepare().defects == []
    rows = read_manifest(tmp_path / "out")
    assert [row.frame for row in rows] == ["000000", "000100"] * 2
    assert (tmp_path / "out" / rows[0].image).samefile(frames_of(root) / "color/000000.jpg")


def test_the_same_input_gives_the_same_files_on_two_processes(root, tmp_path, space):
    for workers in (1, 2):
        out = tmp_path / f"out{workers}"
        prepare_dataset(open_dataset("scannet", root), out, space, workers=workers)
    names = ("manifest.jsonl", "scans.jsonl", "dataset.yaml", "defects.txt")
    one, two = ([(tmp_path / f"out{k}" / name).read_bytes() for name in names] for k in (1, 2))
    assert one == two


def test_the_summary_shows_some_of_each_kind(prepare, root, files):
    missing = [f"scene{k:04d}_00" for k in range(100, 150)]
    (root / "splits/test.txt").write_text("\n".join(missing))
    (frames_of(root) / "color/000000.jpg").write_bytes(b"")
    text = prepare().text()
    assert "frames: 1 train, 2 val; 2 scans" in text and "51 defects, 51 frames" in text
    assert "50 missing file, such as:" in text and "1 unreadable image:" in text
    assert "scene0102_00" in text and "scene0103_00" not in text and "000000.jpg" in text
