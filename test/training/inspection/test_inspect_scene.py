# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The page of a scene, read back."""

from __future__ import annotations

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from training.__main__ import main
from training.data.labelled_frames import DatasetError
from training.data.manifest import ScanRow, write_manifest, write_scans
from training.data.scan import Scan, write_ply

inspect_scene = pytest.importorskip("training.inspection.inspect_scene").inspect_scene


def test_all_frames_are_listed_with_the_pictures_they_have(page):
    kinds = {
        number: [re.fullmatch(r"pictures/\d{4}_(\w+)\.jpg", file)[1] for file in files]
        for number, files in page.pictures.items()
        if number is not None
    }
    everything = ["image", "labels", "depth", "points", "points_depth"]
    assert kinds == {
        1: everything,
        2: ["image", "depth", "points", "points_depth"],
        3: ["image", "labels", "points", "points_depth"],
        4: ["image", "labels", "depth"],
        5: ["image", "labels"],
        6: [],
        7: everything,
    }


def test_every_file_that_the_page_names_is_there_and_decodes(inspection, page):
    files = [a for a in page.addresses if not a.startswith("#")]
    files += re.findall(r'"file": "([^"]+)"', page.html)
    assert len(set(files)) > 20
    for file in files:
        image = cv2.imread(str(inspection.page.parent / file))
        assert image is not None and max(image.shape[:2]) <= 640
    there = {path.name for path in (inspection.page.parent / "pictures").iterdir()}
    assert there == {file.removeprefix("pictures/") for file in files}


def test_nothing_comes_from_elsewhere(page):
    assert not [a for a in page.addresses if "//" in a or a.startswith(("http", "/", "..", "data"))]
    assert not {"link", "iframe", "object", "embed", "base"} & page.tags
    assert "plotly.js v" in page.html  # the library itself


def test_page_and_pictures_stay_small(inspection):
    files = [path for path in inspection.page.parent.rglob("*") if path.is_file()]
    assert inspection.size == sum(path.stat().st_size for path in files)
    assert inspection.size < 15e6


def test_what_is_missing_is_said(page):
    assert "The frame has no label image." in page.text[2]
    assert "The frame has no depth image." in page.text[3]
    assert "visible by mesh" in page.text[3]
    assert "No points are projected: no pose." in page.text[4]
    assert "no pose" in page.text[5] and "no intrinsics" in page.text[5]
    assert "gone.jpg can't be read" in page.text[6]
    rest = page.text[None]
    assert "All 7 frames are shown." in rest
    assert re.search(r"frames with a pose\s+5\s", rest)
    assert re.search(r"frames without a pose\s+4 \(3\), 5 \(4\)", rest)
    assert "1 lost pose." in rest and "3.jpg has <no> usable pose" in rest


def test_counts_of_the_scan_are_true(prepared, page):
    scan = prepared.scan
    labelled = 100 * np.isin(scan.labels, prepared.space.source_ids["nyu40"]).mean()
    wanted = f"{len(scan.points):,} points, {len(scan.faces):,} triangles, {labelled:.1f} % of the"
    assert wanted in page.text[None]
    present = {c.name for c in prepared.space.classes}
    ids = dict(zip(prepared.space.source_ids["nyu40"], prepared.space.names, strict=True))
    present = {ids[k] for k in np.unique(scan.labels).tolist() if k in ids}
    for name in present:
        assert name in page.text[None]


def test_the_same_scene_gives_the_same_files_and_old_pictures_go(
    prepared, inspection, tmp_path, page_of
):
    again = inspect_scene(prepared.folder, "room", tmp_path, frames=7)
    assert again.page.read_bytes() == inspection.page.read_bytes()
    for path in (inspection.page.parent / "pictures").iterdir():
        assert (tmp_path / "pictures" / path.name).read_bytes() == path.read_bytes()
    (tmp_path / "pictures" / "own.jpg").write_bytes(b"mine")
    few = inspect_scene(prepared.folder, "room", tmp_path, frames=2)
    assert few.frames == 2
    small = page_of(tmp_path)
    assert set(small.pictures) == {None, 1, 7}
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert "own.jpg" in names and "0001_points.jpg" in names and "0004_labels.jpg" not in names
    assert "2 of 7 frames are shown, evenly spread." in small.text[None]


def test_a_cloud_without_labels_shows_its_own_colours(prepared, tmp_path, page_of):
    inspect_scene(prepared.folder, "cloud", tmp_path)
    page = page_of(tmp_path)
    assert "Projected points, in their own colours" in page.text[1]
    assert "No points are projected: no depth image, and the scan has no faces." in page.text[2]
    assert "All of the cloud's" in page.text[None] and "no labels" in page.text[None]
    assert "not listed by scene" in page.text[None]


@pytest.mark.parametrize(
    ("scene", "wanted"),
    [("no_scan", "There is no scan to draw."), ("damaged", "is no readable PLY file")],
)
def test_a_scene_without_points(prepared, tmp_path, scene, wanted, page_of):
    inspect_scene(prepared.folder, scene, tmp_path)
    page = page_of(tmp_path)
    assert wanted in page.text[None]
    assert "plotly.js v" not in page.html  # there is nothing to draw


def test_a_damaged_manifest_is_one_sentence(prepared, tmp_path):
    row = replace(prepared.rows[0], pose=[1.0] * 12)
    write_manifest(tmp_path, [row])
    with pytest.raises(DatasetError, match="frame '0' of .* a pose that is not 16 finite numbers"):
        inspect_scene(tmp_path, "room", tmp_path / "out")


def test_scans_and_labels_that_can_not_be_used_are_named(prepared, tmp_path, page_of):
    points = prepared.scan.points[:100].copy()
    points[3] = np.nan
    write_ply(tmp_path / "room.ply", Scan(points, prepared.scan.colors[:100]))
    write_scans(tmp_path, [ScanRow("room", "train", "ply", "room.ply")])
    files = {name: str(prepared.folder / name) for name in ("0.jpg", "0_depth.png")}
    cv2.imwrite(str(tmp_path / "label.tiff"), np.zeros((90, 120), np.float32))
    row = replace(prepared.rows[0], image=files["0.jpg"], label="label.tiff", depth="no.png")
    write_manifest(tmp_path, [row])
    space = prepared.folder / "label_space.yaml"
    (tmp_path / "label_space.yaml").write_bytes(space.read_bytes())
    inspect_scene(tmp_path, "room", tmp_path / "out")
    page = page_of(tmp_path / "out")
    assert "the coordinates of 1 point are no finite numbers" in page.text[None]
    assert "label.tiff is of shape (90, 120) and type float32" in page.text[1]
    assert "no.png can't be read" in page.text[1]
    assert "only frame is shown" in page.text[None]


def test_an_unknown_scene_is_one_sentence(prepared, tmp_path, capsys):
    status = main(["inspect", str(prepared.folder), "nowhere", "--out", str(tmp_path / "x")])
    error = capsys.readouterr().err.strip()
    assert status == 1
    assert error == (
        f"error: {prepared.folder} has no scene 'nowhere', but 4 others such as room, no_scan, "
        "cloud, damaged"
    )
    assert not (tmp_path / "x").exists()


def test_while_the_data_set_is_away_a_page_of_before_stays(prepared, tmp_path):
    row = replace(prepared.rows[0], image="away/0.jpg", scene="far")
    write_manifest(tmp_path, [row])
    with pytest.raises(DatasetError, match=r"nothing that .* lists of the scene 'far' is there"):
        inspect_scene(tmp_path, "far", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_was_not_prepared_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="manifest.jsonl cannot be read"):
        inspect_scene(tmp_path, "room", tmp_path / "out")


def test_the_command_writes_below_the_prepared_folder(prepared, capsys):
    assert main(["inspect", str(prepared.folder), "no_scan"]) == 0
    page = prepared.folder / "inspect" / "no_scan" / "index.html"
    assert f"{page}: 1 frame, " in capsys.readouterr().out
    assert page.is_file()
