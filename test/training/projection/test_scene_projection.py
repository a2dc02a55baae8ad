# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What is projected into which frames, on small rooms whose depth is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from training.data.depth_images import read_depth
from training.data.intrinsics import Intrinsics
from training.data.labelled_frames import DatasetError
from training.data.manifest import ScanRow, write_scans
from training.projection import scene_projection
from training.projection.depth_test import DepthTolerance
from training.projection.geometry import FrameGeometry
from training.projection.legacy import legacy_map, legacy_pixel_map
from training.projection.legacy_file import LegacyMapsFile
from training.projection.project_scenes import project_scenes, projection_jobs
from training.projection.scene_figures import NotProjected
from training.projection.scene_file import points_sha256
from training.projection.scene_projection import ProjectionRule
from training.projection.visibility import SurfaceVisibility, visible_by_depth
from training.projection.visible_file import VisiblePointsFile
from training.projection.visible_points import VisiblePoints

CAMERA = Intrinsics.from_fov(96, 72, 1.2)
WALL_M, PANEL_M = 3.0, 2.2
AUTO = ProjectionRule()


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


def test_files_hold_what_is_visible_by_the_rule(prepared, tmp_path, room):
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


def test_legacy_maps_are_those_of_the_published_rule(prepared, tmp_path, room):
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


def test_each_frame_that_is_not_projected_has_its_reason(prepared, tmp_path, rewrite, contents):
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


def test_images_larger_than_can_be_stored_and_depth_of_another_size_are_reasons(
    prepared, tmp_path, rewrite
):
    rewrite(prepared, "a", 0, intrinsics=[5000, 72, *CAMERA.row()[2:]])
    rewrite(prepared, "a", 1, depth_intrinsics=[48, 36, *CAMERA.row()[2:]])
    (a, *_) = project_scenes(prepared, tmp_path / "out", AUTO).scenes
    assert a.not_projected == {
        "0": NotProjected.TOO_LARGE.value,
        "1": NotProjected.UNREADABLE_DEPTH.value,
    }
    assert "is 96x72 pixels, its intrinsics are for 48x36" in a.notes[1]


def test_cameras_that_are_none_are_a_reason_and_no_traceback(prepared, tmp_path, rewrite):
    rewrite(prepared, "a", 0, pose=np.eye(4).ravel().tolist()[:12])
    rewrite(prepared, "a", 1, pose=[0.0] * 16)
    rewrite(prepared, "a", 2, pose=[float("-inf")] * 16)
    rewrite(prepared, "b", 0, intrinsics=["wide", *CAMERA.row()[1:]])
    rewrite(prepared, "d", 1, intrinsics=[96, 72, 0.0, *CAMERA.row()[3:]])
    a, b, d = project_scenes(prepared, tmp_path / "out", AUTO).scenes
    assert a.not_projected == dict.fromkeys("012", NotProjected.UNUSABLE_CAMERA.value)
    assert b.not_projected == {"0": NotProjected.UNUSABLE_CAMERA.value}
    assert d.not_projected == {"1": NotProjected.UNUSABLE_CAMERA.value}
    assert a.notes[0].startswith("the frame '0' of the scene 'a' has a pose that is not 16 finite")
    assert "has intrinsics that are not width, height" in b.notes[0]


@pytest.mark.parametrize("u", [96.0, np.nan, -1.0])
def test_points_outside_of_the_image_are_a_reason_and_no_traceback(
    prepared, tmp_path, monkeypatch, u
):
    def outside(*arguments, **options):
        place = np.array([u], np.float32)
        return VisiblePoints(place, np.zeros(1, np.float32), np.zeros(1, np.uint32))

    monkeypatch.setattr(scene_projection, "visible_by_depth", outside)
    a, b, _ = project_scenes(prepared, tmp_path / "out", AUTO).scenes
    assert a.not_projected == dict.fromkeys("012", NotProjected.OUTSIDE.value)
    assert not b.not_projected
    assert a.notes[0].startswith("the scan of 'a' has points that lie outside of the image of the")
