# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Points and figures on the page of a scene, against independent counts and what project stores."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from training.__main__ import main
from training.data.intrinsics import Intrinsics
from training.data.manifest import write_manifest
from training.inspection.inspected_frame import FrameInspector
from training.inspection.prepared_scene import open_scene
from training.projection.feature_grid import PIXELS, FeatureGrid
from training.projection.geometry import FrameGeometry
from training.projection.splat import share_covered, splat
from training.projection.visibility import SurfaceVisibility, visible_by_depth
from training.projection.visible_file import VisiblePointsFile

inspect_scene = pytest.importorskip("training.inspection.inspect_scene").inspect_scene


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


def test_pages_show_the_points_that_project_has_stored(prepared, tmp_path, capsys, page_of):
    folder = tmp_path / "prepared"
    shutil.copytree(prepared.folder, folder)
    inspect_scene(folder, "room", tmp_path / "before", frames=7)
    tolerance = ["--tolerance", "0.01", "0"]
    assert main(["project", str(folder), "--split", "train", *tolerance]) == 0
    inspect_scene(folder, "room", tmp_path / "stored", frames=7)
    before, stored = (page_of(tmp_path / name) for name in ("before", "stored"))
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


def test_a_stored_file_that_is_out_of_date_is_not_shown(prepared, tmp_path, page_of):
    folder = tmp_path / "prepared"
    shutil.copytree(prepared.folder, folder)
    assert main(["project", str(folder), "--tolerance", "0.01", "0"]) == 0
    row = replace(prepared.rows[0], depth=None)
    write_manifest(folder, [row, *prepared.rows[1:]])
    inspect_scene(folder, "room", tmp_path / "out", frames=7)
    page = page_of(tmp_path / "out")
    assert "visible_points/room.safetensors is out of date" in page.text[None]
    assert "within 0.04 m" in page.text[None] and "visible by mesh" in page.text[1]


def test_project_and_inspect_find_the_same(prepared, tmp_path, page_of):
    folder = tmp_path / "prepared"
    shutil.copytree(prepared.folder, folder)
    write_manifest(folder, [prepared.rows[0]])
    assert main(["project", str(folder)]) == 0
    figures = json.loads((folder / "visible_points" / "coverage.json").read_text())
    found = figures["scenes"]["room"]
    inspect_scene(folder, "room", tmp_path / "out")
    text = page_of(tmp_path / "out").text[1]
    for name, pattern in (
        ("covered", "of the pixels, "),
        ("cells", "of the 8 x 8 cells"),
        ("occluded", "of the covered pixels"),
        ("occluded_cells", "of the covered cells"),
    ):
        assert shown_value(text, pattern) == pytest.approx(found[name], abs=0.051)
        assert re.search(rf"\b{name.removesuffix('_cells')}\b", text)
    assert found["by"] == {"depth": 1} and "visible by depth" in text
