# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb project, on small rooms whose depth is known: a wall with a panel before it."""

from __future__ import annotations

import html
import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from training.__main__ import main
from training.data.depth_images import read_depth
from training.data.intrinsics import Intrinsics
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestRow, ScanRow, write_manifest, write_scans
from training.data.scan import Scan, write_ply
from training.projection import project_scenes as module
from training.projection.depth_test import DepthTolerance
from training.projection.geometry import FrameGeometry
from training.projection.legacy import legacy_map, legacy_pixel_map
from training.projection.legacy_file import LegacyMapsFile
from training.projection.project_scenes import project_scenes, projection_jobs
from training.projection.scene_figures import NotProjected
from training.projection.scene_file import points_sha256
from training.projection.scene_projection import ProjectionRule, project_scene
from training.projection.visibility import SurfaceVisibility, visible_by_depth
from training.projection.visible_file import VisiblePointsFile

CAMERA = Intrinsics.from_fov(96, 72, 1.2)
WALL_M, PANEL_M = 3.0, 2.2
AUTO = ProjectionRule()


def rectangle(width, height, z, step):
    """Points and faces of a rectangle about the z axis."""
    x, y = np.meshgrid(
        np.arange(-width / 2, width / 2 + 1e-6, step), np.arange(-height / 2, height / 2, step)
    )
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, z)], -1).astype(np.float32)
    number = np.arange(x.size).reshape(x.shape)
    corners = (number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:])
    a, b, c, d = (corner.ravel() for corner in corners)
    return points, np.concatenate([np.stack([a, b, c], -1), np.stack([b, d, c], -1)])


def room(faces=True):
    wall, wall_faces = rectangle(4.4, 3.4, WALL_M, 0.08)
    panel, panel_faces = rectangle(0.8, 0.6, PANEL_M, 0.05)
    points = np.concatenate([wall, panel])
    labels = np.repeat([1, 5], [len(wall), len(panel)]).astype(np.uint16)
    all_faces = np.concatenate([wall_faces, panel_faces + len(wall)]).astype(np.int32)
    return Scan(points, np.zeros_like(points, np.uint8), labels, None, all_faces if faces else None)


def write_frame(folder, number, *, depth=True):
    """A frame of a camera that has moved a little; a row of the manifest."""
    shift = 0.05 * number
    x = CAMERA.rays().reshape(72, 96, 3) * PANEL_M + [shift, 0, 0]
    on_panel = (np.abs(x[..., 0]) < 0.4) & (np.abs(x[..., 1]) < 0.3)
    image = np.where(on_panel[..., None], (40, 80, 160), (200, 200, 190)).astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / f"{number}.png"), image)
    metres = np.where(on_panel, PANEL_M, WALL_M)
    if depth:
        cv2.imwrite(str(folder / f"depth{number}.png"), (metres * 1000).astype(np.uint16))
    pose = np.eye(4)
    pose[0, 3] = shift
    scene = folder.name
    return ManifestRow(
        *(f"{scene}/{number}.png", None, scene, "train" if scene < "d" else "val", None),
        depth=f"{scene}/depth{number}.png" if depth else None,
        pose=pose.ravel().tolist(),
        intrinsics=CAMERA.row(),
    )


@pytest.fixture
def prepared(tmp_path, repository):
    """A prepared data set of three scenes: with depth, without it, and with a bare cloud."""
    folder = tmp_path / "prepared"
    rows = [write_frame(folder / "a", k) for k in range(3)]
    rows += [write_frame(folder / "b", k, depth=False) for k in range(2)]
    rows += [write_frame(folder / "d", k, depth=k == 0) for k in range(2)]
    write_manifest(folder, rows)
    for scene, faces in (("a", True), ("b", True), ("d", False)):
        write_ply(folder / f"{scene}.ply", room(faces))
    write_scans(folder, [ScanRow(s, "train", "ply", f"{s}.ply") for s in "abd"])
    shutil.copy(repository / "config/labels/scannet20.yaml", folder / "label_space.yaml")
    (folder / "dataset.yaml").write_text(yaml.safe_dump({"label_source": "nyu40"}))
    return folder


def rewrite(folder, scene, frame, **changes):
    """Change a line of the manifest."""
    path = folder / "manifest.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line["image"] == f"{scene}/{frame}.png":
            line.update(changes)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_auto_takes_depth_where_there_is_one_else_the_mesh_never_the_points_alone(
    prepared, tmp_path
):
    found = project_scenes(prepared, tmp_path / "out", AUTO)
    a, b, d = found.scenes
    assert [frame.by for frame in a.frames] == ["depth"] * 3
    assert [frame.by for frame in b.frames] == ["mesh"] * 2
    assert [(frame.name, frame.by) for frame in d.frames] == [("0", "depth")]
    assert d.not_projected == {"1": NotProjected.NO_FACES.value}
    assert "val: 1 of 2 frames of 1 scenes projected" in found.text()
    assert "1 not projected: no depth image, and the scan has no faces" in found.text()


def test_files_hold_what_is_visible_by_the_rule(prepared, tmp_path):
    project_scenes(prepared, tmp_path / "out", AUTO)
    for job in projection_jobs(prepared, tmp_path / "out", AUTO):
        scan = room(job.scene != "d")
        file = VisiblePointsFile(job.file, points_sha256(scan.points))
        assert file.header.points == len(scan.points)
        for row in job.rows[: 1 if job.scene == "d" else None]:
            geometry = FrameGeometry.from_row(row)
            if row.depth is not None:
                depth = read_depth(prepared / row.depth, row)
                expected = visible_by_depth(scan.points, geometry, depth)
            else:
                expected = SurfaceVisibility(scan).visible(geometry)
            visible = file.load(row.frame)
            assert np.array_equal(visible.index, expected.index)
            assert np.abs(visible.u - expected.u).max() <= 1 / 32
            assert np.abs(visible.v - expected.v).max() <= 1 / 32
            assert len(visible) > 500
            z = scan.points[visible.index, 2]
            assert (np.diff(z) >= 0).all()
            # no point of the wall that the panel hides
            behind = scan.points[visible.index][z == WALL_M]
            eye = np.array(row.pose).reshape(4, 4)[:3, 3]
            crossing = eye + (behind - eye) * (PANEL_M / WALL_M)
            assert not ((np.abs(crossing[:, 0]) < 0.4) & (np.abs(crossing[:, 1]) < 0.275)).any()


def test_the_tolerance_is_that_of_the_rule(prepared, tmp_path):
    near = ProjectionRule("depth", DepthTolerance(0.05))
    far = ProjectionRule("depth", DepthTolerance(2.0, local_plane=False))
    counts = [
        project_scenes(prepared, tmp_path / "out", rule, split="train").scenes[0].frames[0].points
        for rule in (near, far)
    ]
    assert counts[1] > counts[0] * 1.05  # now the wall shines through the panel


def test_legacy_maps_are_those_of_the_published_rule(prepared, tmp_path):
    rule = ProjectionRule(legacy=True)
    found = project_scenes(prepared, tmp_path / "out", rule)
    assert set(found.scenes[1].not_projected.values()) == {NotProjected.NO_DEPTH.value}
    (job, *_) = projection_jobs(prepared, tmp_path / "out", rule)
    file = LegacyMapsFile(job.file)
    for row in job.rows:
        depth = read_depth(prepared / row.depth, row, np.float64)
        geometry = FrameGeometry.from_row(row)
        pixels = legacy_pixel_map(room().points, geometry.pose, geometry.intrinsics, depth)
        assert np.array_equal(file.load(row.frame).points, legacy_map(pixels).points)
        assert file.load(row.frame).points.shape == (9, 12)
    # it lets hidden points through, ours does not
    ours = project_scenes(prepared, tmp_path / "ours", AUTO)
    for legacy, frame in zip(found.scenes[0].frames, ours.scenes[0].frames, strict=True):
        assert legacy.occluded > 0.02 and frame.occluded == 0
        assert legacy.covered == pytest.approx(frame.covered, abs=0.15)


def test_each_frame_that_is_not_projected_has_its_reason(prepared, tmp_path):
    project_scenes(prepared, tmp_path / "out", AUTO)
    assert (tmp_path / "out" / "b.safetensors").exists()
    rewrite(prepared, "a", 0, pose=None)
    rewrite(prepared, "a", 1, intrinsics=None)
    (prepared / "a" / "depth2.png").write_bytes(b"damaged")
    (prepared / "b.ply").write_bytes(b"damaged")
    write_scans(prepared, [ScanRow(s, "train", "ply", f"{s}.ply") for s in "ab"])
    with pytest.raises(DatasetError, match=r"no frame of .*manifest.jsonl can be projected: "):
        project_scenes(prepared, tmp_path / "out", AUTO)
    coverage = json.loads((tmp_path / "out" / "coverage.json").read_text())
    reasons = {name: s["not_projected_frames"] for name, s in coverage["scenes"].items()}
    assert reasons == {
        "a": {
            "0": NotProjected.NO_POSE.value,
            "1": NotProjected.NO_INTRINSICS.value,
            "2": NotProjected.UNREADABLE_DEPTH.value,
        },
        "b": dict.fromkeys("01", NotProjected.UNREADABLE_SCAN.value),
        "d": dict.fromkeys("01", NotProjected.NO_SCAN.value),
    }
    assert "depth2.png cannot be read as an image" in coverage["scenes"]["a"]["notes"][0]
    assert "b.ply is no readable PLY file" in coverage["scenes"]["b"]["notes"][0]
    # what was there before is of scans that are no longer
    assert not {"b.safetensors", "d.safetensors"} & set(contents(tmp_path / "out"))


@pytest.mark.parametrize(
    ("rule", "reason", "scene"),
    [("depth", NotProjected.NO_DEPTH, "b"), ("mesh", NotProjected.NO_MESH, "d")],
)
def test_a_rule_that_is_asked_for_is_the_only_one(prepared, tmp_path, rule, reason, scene):
    found = project_scenes(prepared, tmp_path / "out", ProjectionRule(rule))
    (other,) = [figures for figures in found.scenes if figures.scene == scene]
    assert not other.frames and set(other.not_projected.values()) == {reason.value}
    assert {frame.by for figures in found.scenes for frame in figures.frames} == {rule}


def test_images_larger_than_can_be_stored_and_depth_of_another_size_are_reasons(prepared, tmp_path):
    rewrite(prepared, "a", 0, intrinsics=[5000, 72, *CAMERA.row()[2:]])
    rewrite(prepared, "a", 1, depth_intrinsics=[48, 36, *CAMERA.row()[2:]])
    (a, *_) = project_scenes(prepared, tmp_path / "out", AUTO).scenes
    assert a.not_projected == {
        "0": NotProjected.TOO_LARGE.value,
        "1": NotProjected.UNREADABLE_DEPTH.value,
    }
    assert "is 96x72 pixels, its intrinsics are for 48x36" in a.notes[1]


def test_an_interrupted_run_goes_on_to_the_same_files(prepared, tmp_path, monkeypatch):
    project_scenes(prepared, tmp_path / "whole", AUTO)

    def interrupted(job):
        if job.scene == "b":
            raise OSError("no space left on device")
        return project_scene(job)

    with monkeypatch.context() as patch:
        patch.setattr(module, "project_scene", interrupted)
        with pytest.raises(OSError, match="no space left"):
            project_scenes(prepared, tmp_path / "out", AUTO)
    assert list(contents(tmp_path / "out")) == ["a.safetensors"]
    made = (tmp_path / "out" / "a.safetensors").stat().st_mtime_ns
    project_scenes(prepared, tmp_path / "out", AUTO)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert (tmp_path / "out" / "a.safetensors").stat().st_mtime_ns == made


def test_several_workers_write_the_same_files(prepared, tmp_path):
    project_scenes(prepared, tmp_path / "one", AUTO)
    project_scenes(prepared, tmp_path / "two", AUTO, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def projected_again(prepared, out, monkeypatch, rule=AUTO):
    """Scenes that a further run projects."""
    scenes = []

    def noted(job):
        scenes.append(job.scene)
        return project_scene(job)

    with monkeypatch.context() as patch:
        patch.setattr(module, "project_scene", noted)
        project_scenes(prepared, out, rule)
    return scenes


def test_a_scene_is_projected_again_when_what_it_was_made_from_has_changed(
    prepared, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    assert projected_again(prepared, out, monkeypatch) == ["a", "b", "d"]
    assert projected_again(prepared, out, monkeypatch) == []
    later = (out / "d.safetensors").stat().st_mtime + 5
    os.utime(prepared / "b.ply", (later, later))
    assert projected_again(prepared, out, monkeypatch) == ["b"]
    os.utime(prepared / "b.ply", (1, 1))
    rewrite(prepared, "a", 0, pose=None)
    assert projected_again(prepared, out, monkeypatch) == ["a"]
    (out / "d.safetensors").write_bytes((out / "d.safetensors").read_bytes()[:-1])
    assert projected_again(prepared, out, monkeypatch) == ["d"]
    mesh = ProjectionRule("mesh")
    assert projected_again(prepared, out, monkeypatch, mesh) == ["a", "b", "d"]


def test_points_of_unknown_classes_are_drawn_in_their_own_colours(prepared, tmp_path):
    (prepared / "dataset.yaml").write_text(yaml.safe_dump({"label_source": "other"}))
    project_scenes(prepared, tmp_path / "out", AUTO)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "its points in their own colours" in page and "wall" not in page


def test_a_split_alone_is_projected_and_an_unknown_one_named(prepared, tmp_path):
    found = project_scenes(prepared, tmp_path / "out", AUTO, split="val")
    assert [figures.scene for figures in found.scenes] == ["d"]
    with pytest.raises(DatasetError, match="no frame of the split 'test', only of train, val"):
        project_scenes(prepared, tmp_path / "out", AUTO, split="test")


def test_a_frame_named_twice_is_refused(prepared, tmp_path):
    rewrite(prepared, "a", 0, name="1")
    with pytest.raises(DatasetError, match="has 2 frames '1' of the scene 'a'; make it anew"):
        project_scenes(prepared, tmp_path / "out", AUTO)


def test_the_command_writes_files_figures_and_a_page_of_its_own(prepared, capsys):
    assert main(["project", str(prepared)]) == 0
    out = prepared / "visible_points"
    assert set(contents(out)) == {
        *("a.safetensors", "b.safetensors", "d.safetensors"),
        *("coverage.json", "report.html"),
    }
    figures = json.loads((out / "coverage.json").read_text())
    assert figures["splits"]["train"]["projected"] == 5
    assert 20 < figures["splits"]["train"]["covered"] < 100
    assert figures["splits"]["train"]["occluded"] == 0
    page = (out / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 6
    assert "http" not in page.replace("http-equiv", "")
    for text in ("no depth image, and the scan has no faces", "wall", "chair", "a/0"):
        assert text in page
    assert "sofa" not in page
    assert "% of the pixels covered" in capsys.readouterr().out
    assert "more than 10 cm behind the scan's own mesh" in html.unescape(page)


def test_published_shares_stand_beside_figures_of_the_published_rule_alone(prepared):
    assert main(["project", str(prepared)]) == 0
    assert main(["project", str(prepared), "--legacy"]) == 0
    for folder, legacy in (("visible_points", False), ("legacy_maps", True)):
        page = (prepared / folder / "report.html").read_text()
        assert ("16.38" in page) == ("10.57" in page) == ("as published" in page) == legacy
        assert ("for the whole of ScanNet and S3DIS" in page) == legacy
        figures = json.loads((prepared / folder / "coverage.json").read_text())
        shares = {"ScanNet": 16.38, "S3DIS": 10.57} if legacy else None
        assert figures.get("published_coverage") == shares
    assert (prepared / "legacy_maps" / "a.safetensors").exists()


def test_a_mesh_that_has_decided_what_is_visible_is_not_asked_again(prepared, tmp_path):
    a, b, d = project_scenes(prepared, tmp_path / "out", AUTO).scenes
    assert [frame.occluded for frame in a.frames] == [0] * 3
    assert [frame.occluded_cells for frame in a.frames] == [0] * 3
    assert [frame.occluded for frame in (*b.frames, *d.frames)] == [None] * 3
    summary = json.loads((tmp_path / "out" / "coverage.json").read_text())
    assert summary["splits"]["train"]["looked_through"] == 3
    assert summary["scenes"]["b"]["occluded"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--legacy", "--rule", "mesh"], "not for --legacy"),
        (["--tolerance", "-1", "0"], "'-1' is no number from 0 up"),
        (["--workers", "0"], "'0' is not a whole number above 0"),
    ],
)
def test_commands_that_make_no_sense_are_refused(prepared, capsys, words, message):
    with pytest.raises(SystemExit, match="2"):
        main(["project", str(prepared), *words])
    assert message in capsys.readouterr().err


def test_a_folder_that_is_not_prepared_is_one_sentence(tmp_path, capsys):
    assert main(["project", str(tmp_path)]) == 1
    assert "manifest.jsonl cannot be read" in capsys.readouterr().err
    assert not Path(tmp_path / "visible_points").exists()
