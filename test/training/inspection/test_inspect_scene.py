# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The page of a scene, read back."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from training.__main__ import main
from training.data.intrinsics import Intrinsics
from training.data.labelled_frames import DatasetError
from training.data.manifest import ScanRow, write_manifest, write_scans
from training.data.scan import Scan, write_ply
from training.inspection.inspected_frame import FrameInspector
from training.inspection.prepared_scene import open_scene
from training.projection.feature_grid import PIXELS, FeatureGrid
from training.projection.geometry import FrameGeometry
from training.projection.splat import share_covered, splat
from training.projection.visibility import SurfaceVisibility, visible_by_depth
from training.projection.visible_file import VisiblePointsFile

inspect_scene = pytest.importorskip("training.inspection.inspect_scene").inspect_scene


class Page(HTMLParser):
    """Addresses, and the text of each frame's section; that of the rest is under None."""

    def __init__(self, folder):
        super().__init__()
        self.addresses, self.tags, self.text = [], set(), {None: ""}
        self.pictures = {None: []}
        self.section, self.inside = None, []
        self.html = (folder / "index.html").read_text(encoding="utf-8")
        self.feed(self.html)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.add(tag)
        self.addresses += [values[name] for name in ("src", "href") if values.get(name)]
        if tag == "section":
            self.section = int(values["id"].removeprefix("frame-"))
            self.text[self.section], self.pictures[self.section] = "", []
        if tag == "img" and "src" in values:
            self.pictures[self.section].append(values["src"])
        self.inside.append(tag)

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop() != tag:
            pass
        if tag == "section":
            self.section = None

    def handle_data(self, data):
        if not {"script", "style"} & set(self.inside):
            self.text[self.section] += " " + data


@pytest.fixture(scope="module")
def inspection(prepared, tmp_path_factory):
    out = tmp_path_factory.mktemp("page")
    return inspect_scene(prepared.folder, "room", out / "deep" / "room", frames=7)


@pytest.fixture(scope="module")
def page(inspection):
    return Page(inspection.page.parent)


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


def shown_value(text, pattern):
    return float(re.search(r"([\d.]+) % " + pattern, text)[1])


def visible_points(prepared, k):
    geometry = FrameGeometry.from_row(prepared.rows[k])
    if prepared.rows[k].depth is None:
        return SurfaceVisibility(prepared.scan).visible(geometry), "mesh"
    return visible_by_depth(prepared.scan.points, geometry, prepared.depths[k]), "depth"


@pytest.mark.parametrize("number", [1, 3, 7])
def test_what_is_covered_and_agrees_is_that_of_an_independent_count(prepared, page, number):
    visible, by = visible_points(prepared, number - 1)
    table = prepared.space.lookup("nyu40")
    labels = table[prepared.labels[number - 1]]
    filled, cells, right, both = set(), set(), 0, 0
    for u, v, index in zip(visible.u, visible.v, visible.index, strict=True):
        column, row = int(np.floor(u + 0.5)), int(np.floor(v + 0.5))
        filled.add((column, row))
        cells.add((column // 8, row // 8))
        of_point, of_pixel = table[prepared.scan.labels[index]], labels[row, column]
        if of_point != 255 and of_pixel != 255:
            both += 1
            right += of_point == of_pixel
    text = page.text[number]
    wanted = 100 * len(filled) / (120 * 90)
    assert wanted > 5
    assert shown_value(text, "of the pixels, ") == pytest.approx(wanted, abs=0.0051)
    wanted = 100 * len(cells) / (15 * 12)  # 90 pixels are eleven cells and a quarter
    assert shown_value(text, "of the 8 x 8 cells") == pytest.approx(wanted, abs=0.051)
    wanted = 100 * right / both
    assert shown_value(text, "of the points have their pixel") == pytest.approx(wanted, abs=0.051)
    assert f"{len(visible):,}, visible by {by}" in text


@pytest.mark.parametrize("number", [1, 7])
def test_a_little_less_is_covered_than_by_a_plain_depth_test(prepared, page, number):
    row, depth = prepared.rows[number - 1], prepared.depths[number - 1].astype(np.float64)
    camera = Intrinsics.from_row(row.intrinsics)
    depth_camera = Intrinsics.from_row(row.depth_intrinsics)
    pose = np.array(row.pose).reshape(4, 4)
    filled = set()
    for x, y, z in (prepared.scan.points.astype(np.float64) - pose[:3, 3]) @ pose[:3, :3]:
        if z < 0.05:
            continue
        (u, v), (i, j) = (
            np.floor((c.fx * x / z + c.cx + 0.5, c.fy * y / z + c.cy + 0.5)).astype(int)
            for c in (camera, depth_camera)
        )
        inside = 0 <= i < depth_camera.width and 0 <= j < depth_camera.height
        if inside and depth[j, i] > 0 and abs(z - depth[j, i]) < 0.05:
            filled.add((u, v))
    filled = [(u, v) for u, v in filled if 0 <= u < 120 and 0 <= v < 90]
    shown = shown_value(page.text[number], "of the pixels, ")
    # which also takes points next to edges of things
    assert 0.75 < shown / (100 * len(filled) / (120 * 90)) < 1


def test_points_behind_the_mesh_are_counted(prepared, page):
    visible, _ = visible_points(prepared, 0)
    geometry = FrameGeometry.from_row(prepared.rows[0])
    surface = SurfaceVisibility(prepared.scan)
    for grid, what in ((PIXELS, "pixels"), (FeatureGrid.from_edges(8), "cells")):
        wanted = 100 * surface.share_occluded(splat(visible, 90, 120, grid), geometry)
        shown = shown_value(page.text[1], f"of the covered {what}")
        assert shown == pytest.approx(wanted, abs=0.051)
    assert "of the covered" not in page.text[3]  # the mesh has decided itself


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


def test_the_same_scene_gives_the_same_files_and_old_pictures_go(prepared, inspection, tmp_path):
    again = inspect_scene(prepared.folder, "room", tmp_path, frames=7)
    assert again.page.read_bytes() == inspection.page.read_bytes()
    for path in (inspection.page.parent / "pictures").iterdir():
        assert (tmp_path / "pictures" / path.name).read_bytes() == path.read_bytes()
    (tmp_path / "pictures" / "own.jpg").write_bytes(b"mine")
    few = inspect_scene(prepared.folder, "room", tmp_path, frames=2)
    assert few.frames == 2
    small = Page(tmp_path)
    assert set(small.pictures) == {None, 1, 7}
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert "own.jpg" in names and "0001_points.jpg" in names and "0004_labels.jpg" not in names
    assert "2 of 7 frames are shown, evenly spread." in small.text[None]


def test_a_cloud_without_labels_shows_its_own_colours(prepared, tmp_path):
    inspect_scene(prepared.folder, "cloud", tmp_path)
    page = Page(tmp_path)
    assert "Projected points, in their own colours" in page.text[1]
    assert "No points are projected: no depth image, and the scan has no faces." in page.text[2]
    assert "All of the cloud's" in page.text[None] and "no labels" in page.text[None]
    assert "not listed by scene" in page.text[None]


@pytest.mark.parametrize(
    ("scene", "wanted"),
    [("no_scan", "There is no scan to draw."), ("damaged", "is no readable PLY file")],
)
def test_a_scene_without_points(prepared, tmp_path, scene, wanted):
    inspect_scene(prepared.folder, scene, tmp_path)
    page = Page(tmp_path)
    assert wanted in page.text[None]
    assert "plotly.js v" not in page.html  # there is nothing to draw


def test_a_damaged_manifest_is_one_sentence(prepared, tmp_path):
    row = replace(prepared.rows[0], pose=[1.0] * 12)
    write_manifest(tmp_path, [row])
    with pytest.raises(DatasetError, match="frame '0' of .* a pose that is not 16 finite numbers"):
        inspect_scene(tmp_path, "room", tmp_path / "out")


def test_scans_and_labels_that_can_not_be_used_are_named(prepared, tmp_path):
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
    page = Page(tmp_path / "out")
    assert "1 of its 100 points are not finite numbers." in page.text[None]
    assert "label.tiff is of shape (90, 120) and type float32" in page.text[1]
    assert "no.png can't be read" in page.text[1]
    assert "only frame is shown" in page.text[None]


def test_an_unreadable_depth_image_is_not_replaced_by_the_mesh(prepared, tmp_path):
    scene = open_scene(prepared.folder, "room")
    inspector = FrameInspector(scene, prepared.scan)
    scene.rows[0] = replace(scene.rows[0], depth="no.png")
    frame = inspector.inspect(0)
    assert frame.projection is None
    text = frame.missing["points"]
    assert text.startswith("No points are projected: the depth image can't be used (")
    assert "no.png can't be read" in text
    scene.rows[0] = replace(prepared.rows[0], depth="0_label.png")
    assert "no one-channel image of 16 bits" in inspector.inspect(0).missing["depth"]
    scene.rows[0] = replace(prepared.rows[0], depth_intrinsics=[99, 60, 50, 50, 40, 30])
    assert "80x60 pixels, its intrinsics are for 99x60" in inspector.inspect(0).missing["points"]


def test_an_unknown_scene_is_one_sentence(prepared, tmp_path, capsys):
    status = main(["inspect", str(prepared.folder), "nowhere", "--out", str(tmp_path / "x")])
    error = capsys.readouterr().err.strip()
    assert status == 1
    assert error == (
        f"error: {prepared.folder} has no scene 'nowhere', but 4 others such as room, no_scan, "
        "cloud, damaged"
    )
    assert not (tmp_path / "x").exists()


def test_a_folder_that_was_not_prepared_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="manifest.jsonl cannot be read"):
        inspect_scene(tmp_path, "room", tmp_path / "out")


def test_the_command_writes_below_the_prepared_folder(prepared, capsys):
    assert main(["inspect", str(prepared.folder), "no_scan"]) == 0
    page = prepared.folder / "inspect" / "no_scan" / "index.html"
    assert f"{page}: 1 frame, " in capsys.readouterr().out
    assert page.is_file()


def test_pages_show_the_points_that_project_has_stored(prepared, tmp_path, capsys):
    folder = tmp_path / "prepared"
    shutil.copytree(prepared.folder, folder)
    inspect_scene(folder, "room", tmp_path / "before", frames=7)
    tolerance = ["--tolerance", "0.01", "0"]
    assert main(["project", str(folder), "--split", "train", *tolerance]) == 0
    inspect_scene(folder, "room", tmp_path / "stored", frames=7)
    before, stored = (Page(tmp_path / name) for name in ("before", "stored"))
    assert "There is no visible_points/room.safetensors of project" in before.text[None]
    assert "within 0.04 m" in before.text[None]
    assert "has stored in visible_points/room.safetensors" in stored.text[None]
    assert "within 0.01 m" in stored.text[None]
    file = VisiblePointsFile(folder / "visible_points" / "room.safetensors")
    scene = json.loads((folder / "visible_points" / "coverage.json").read_text())["scenes"]["room"]
    for number in (1, 3, 7):
        count = len(file.load(str(number - 1)))
        assert f"{count:,}, visible by" in stored.text[number]
        assert f"{count:,}, visible by" not in before.text[number]
    # frames that have no points are those that project left out, for the same reasons
    for name, reason in scene["not_projected_frames"].items():
        assert f"No points are projected: {reason}." in stored.text[int(name) + 1]
    # the sixth is projected, but has no image to be shown
    covered = [shown_value(stored.text[n], "of the pixels, ") for n in (1, 2, 3, 7)]
    covered.append(100 * share_covered(splat(file.load("gone"), 90, 120)))
    assert scene["covered"] == pytest.approx(np.mean(covered), abs=0.0051)


def test_a_stored_file_that_is_out_of_date_is_not_shown(prepared, tmp_path):
    folder = tmp_path / "prepared"
    shutil.copytree(prepared.folder, folder)
    assert main(["project", str(folder), "--tolerance", "0.01", "0"]) == 0
    row = replace(prepared.rows[0], depth=None)
    write_manifest(folder, [row, *prepared.rows[1:]])
    inspect_scene(folder, "room", tmp_path / "out", frames=7)
    page = Page(tmp_path / "out")
    assert "visible_points/room.safetensors is out of date" in page.text[None]
    assert "within 0.04 m" in page.text[None] and "visible by mesh" in page.text[1]


def test_project_and_inspect_find_the_same(prepared, tmp_path):
    folder = tmp_path / "prepared"
    shutil.copytree(prepared.folder, folder)
    write_manifest(folder, [prepared.rows[0]])
    assert main(["project", str(folder)]) == 0
    figures = json.loads((folder / "visible_points" / "coverage.json").read_text())
    found = figures["scenes"]["room"]
    inspect_scene(folder, "room", tmp_path / "out")
    text = Page(tmp_path / "out").text[1]
    for name, pattern in (
        ("covered", "of the pixels, "),
        ("cells", "of the 8 x 8 cells"),
        ("occluded", "of the covered pixels"),
        ("occluded_cells", "of the covered cells"),
    ):
        assert shown_value(text, pattern) == pytest.approx(found[name], abs=0.051)
        assert re.search(rf"\b{name.removesuffix('_cells')}\b", text)
    assert found["by"] == {"depth": 1} and "visible by depth" in text
