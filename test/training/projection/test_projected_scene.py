# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes' files: when they are made anew, and how much memory that takes."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.intrinsics import Intrinsics
from training.data.manifest import ManifestRow, ScanRow, write_manifest, write_scans
from training.data.scan import Scan, write_ply
from training.projection import project_scenes as module
from training.projection import projected_scene
from training.projection.project_scenes import project_scenes, projection_jobs
from training.projection.projected_scene import project_scene
from training.projection.scene_file import points_sha256
from training.projection.scene_projection import ProjectionRule, SceneProjection
from training.projection.visible_file import VisiblePointsFile

AUTO = ProjectionRule()


def test_an_interrupted_run_goes_on_to_the_same_files(prepared, tmp_path, monkeypatch, contents):
    project_scenes(prepared, tmp_path / "whole", AUTO)

    def interrupted(job):
        if job.scene == "b":
            raise OSError("no space left on device")
        return project_scene(job)

    with monkeypatch.context() as patch:
        patch.setattr(module, "project_scene", interrupted)
        with pytest.raises(OSError, match="no space left"):
            project_scenes(prepared, tmp_path / "out", AUTO)
    assert list(contents(tmp_path / "out")) == ["a.record.json", "a.safetensors"]
    made = (tmp_path / "out" / "a.safetensors").stat().st_mtime_ns
    project_scenes(prepared, tmp_path / "out", AUTO)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert (tmp_path / "out" / "a.safetensors").stat().st_mtime_ns == made


def test_several_workers_write_the_same_files(prepared, tmp_path, contents):
    project_scenes(prepared, tmp_path / "one", AUTO)
    project_scenes(prepared, tmp_path / "two", AUTO, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def same_time(path, other):
    """Give a file the time of another one."""
    status = other.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_scene_is_projected_again_when_what_it_was_made_from_has_changed(
    prepared, tmp_path, projected_again, rewrite
):
    out = tmp_path / "out"
    assert projected_again(prepared, out) == ["a", "b", "d"]
    assert projected_again(prepared, out) == []
    rewrite(prepared, "a", 0, pose=None)
    assert projected_again(prepared, out) == ["a"]
    (out / "d.safetensors").write_bytes((out / "d.safetensors").read_bytes()[:-1])
    assert projected_again(prepared, out) == ["d"]
    (out / "b.record.json").write_text("{")
    assert projected_again(prepared, out) == ["b"]
    assert projected_again(prepared, out, ProjectionRule("mesh")) == ["a", "b", "d"]
    assert projected_again(prepared, out) == ["a", "b", "d"]
    assert projected_again(prepared, out) == []


def test_a_scan_that_is_replaced_by_an_older_one_is_projected_again(
    prepared, tmp_path, projected_again, room
):
    out = tmp_path / "out"
    projected_again(prepared, out)
    scan = room()
    moved = dataclasses.replace(scan, points=scan.points + np.float32(0.01))
    write_ply(tmp_path / "other.ply", moved)
    os.utime(tmp_path / "other.ply", (1, 1))
    shutil.move(tmp_path / "other.ply", prepared / "b.ply")
    assert projected_again(prepared, out) == ["b"]
    VisiblePointsFile(out / "b.safetensors", points_sha256(moved.points))
    assert projected_again(prepared, out) == []


@pytest.mark.parametrize("changed", ["time", "size", "gone"])
@pytest.mark.parametrize("file", ["a/depth1.png", "a.ply"])
def test_inputs_are_known_by_size_and_time(prepared, tmp_path, projected_again, file, changed):
    out = tmp_path / "out"
    projected_again(prepared, out)
    path, before = prepared / file, tmp_path / "before"
    shutil.copy2(path, before)
    if changed == "time":
        os.utime(path, ns=(0, path.stat().st_mtime_ns - 1))
    elif changed == "size":
        path.write_bytes(path.read_bytes() + b" ")
        same_time(path, before)
    else:
        path.unlink()
    assert projected_again(prepared, out) == ["a"]
    shutil.copy2(before, path)
    # A scan that was away and comes back as it was has lost nothing.
    returned = file == "a.ply" and changed == "gone"
    assert projected_again(prepared, out) == ([] if returned else ["a"])
    assert projected_again(prepared, out) == []


def test_a_folder_of_a_scan_is_known_by_the_files_in_it(prepared, tmp_path, monkeypatch):
    from training.projection.projected_scene import current_record

    (prepared / "scan").mkdir()
    shutil.copy2(prepared / "b.ply", prepared / "scan" / "b.ply")
    write_scans(prepared, [ScanRow("b", "train", "ply", "scan")])
    job = projection_jobs(prepared, tmp_path / "out", AUTO)[1]
    assert job.scene == "b" and current_record(job) is None
    project_scene(job)
    assert current_record(job) is not None
    (prepared / "scan" / "more.txt").write_text("1")
    assert current_record(job) is None
    project_scene(job)
    assert current_record(job) is not None
    os.utime(prepared / "scan" / "b.ply", (1, 1))
    assert current_record(job) is None


def test_depth_images_do_not_matter_to_the_rule_of_the_mesh(prepared, tmp_path, projected_again):
    mesh = ProjectionRule("mesh")
    projected_again(prepared, tmp_path / "out", mesh)
    os.utime(prepared / "a" / "depth1.png", (1, 1))
    assert projected_again(prepared, tmp_path / "out", mesh) == []
    for image in prepared.rglob("depth*.png"):
        image.unlink()
    assert projected_again(prepared, tmp_path / "out", mesh) == []
    os.utime(prepared / "a.ply", (1, 1))
    assert projected_again(prepared, tmp_path / "out", mesh) == ["a"]


def test_a_scene_that_is_away_keeps_what_was_projected(prepared, tmp_path, contents):
    out = tmp_path / "out"
    project_scenes(prepared, out, AUTO)
    whole = contents(out)
    (prepared / "a.ply").rename(tmp_path / "away.ply")
    found = project_scenes(prepared, out, AUTO)
    assert "the scan can't be read" in found.text()
    scene = {path: data for path, data in contents(out).items() if str(path).startswith("a.")}
    assert scene and scene == {p: d for p, d in whole.items() if str(p).startswith("a.")}
    (tmp_path / "away.ply").rename(prepared / "a.ply")
    project_scenes(prepared, out, AUTO)
    assert contents(out) == whole


def test_a_depth_image_that_could_not_be_read_for_a_moment_is_read_again(
    prepared, tmp_path, contents, monkeypatch
):
    project_scenes(prepared, tmp_path / "whole", AUTO)
    read_bytes = Path.read_bytes

    def fail(path):
        if path == prepared / "a" / "depth1.png":
            raise OSError(errno.EIO, "Input/output error")
        return read_bytes(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail)
        assert (
            "depth image can't be used" in project_scenes(prepared, tmp_path / "out", AUTO).text()
        )
    project_scenes(prepared, tmp_path / "out", AUTO)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_the_files_do_not_tell_when_their_inputs_were_changed(prepared, tmp_path, contents):
    project_scenes(prepared, tmp_path / "one", AUTO)
    for path in [*prepared.rglob("*.png"), *prepared.rglob("*.ply")]:
        os.utime(path, (5, 5))
    project_scenes(prepared, tmp_path / "two", AUTO)
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert {name for name in one if one[name] != two[name]} == {f"{s}.record.json" for s in "abd"}


def test_an_interruption_between_a_scenes_file_and_its_record_is_not_taken_for_the_end(
    prepared, tmp_path, projected_again, monkeypatch
):
    out = tmp_path / "out"
    projected_again(prepared, out)
    first = prepared / "b.ply"
    shutil.copy2(first, tmp_path / "first.ply")
    os.utime(first, (1, 1))

    def interrupted(self, path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(projected_scene.SceneRecord, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            projected_again(prepared, out)
    shutil.copy2(tmp_path / "first.ply", first)  # what the record of before was made from
    assert projected_again(prepared, out) == ["b"]


def test_a_scene_whose_projection_fails_leaves_the_file_of_before_and_nothing_else(
    prepared, tmp_path, contents, monkeypatch
):
    out = tmp_path / "out"
    project_scenes(prepared, out, AUTO)
    before = contents(out)
    (job, *_) = projection_jobs(prepared, out, AUTO)
    whole = SceneProjection.project

    def full(self, row, **options):
        if row.frame == "2":
            raise OSError(28, "No space left on device")
        return whole(self, row, **options)

    with monkeypatch.context() as patch:
        patch.setattr(SceneProjection, "project", full)
        with pytest.raises(OSError, match="No space left"):
            project_scene(job)
    after = contents(out)
    assert before.keys() - after.keys() == {"a.record.json"}
    assert all(before[name] == after[name] for name in after)


def test_memory_does_not_grow_with_the_frames(tmp_path):
    side, frames = 245, 100
    x, y = np.meshgrid(*[np.linspace(-1.2, 1.2, side)] * 2)
    points = np.stack([x.ravel(), y.ravel(), np.full(x.size, 3.0)], -1).astype(np.float32)
    write_ply(tmp_path / "wall.ply", Scan(points, np.zeros(points.shape, np.uint8)))
    cv2.imwrite(str(tmp_path / "depth.png"), np.full((96, 96), 3000, np.uint16))
    camera = Intrinsics.from_fov(96, 96, 1.0)
    row = ManifestRow(
        *("0.png", None, "wall", "train", None),
        depth="depth.png",
        pose=np.eye(4).ravel().tolist(),
        intrinsics=camera.row(),
    )
    write_manifest(tmp_path, [dataclasses.replace(row, name=str(k)) for k in range(frames)])
    write_scans(tmp_path, [ScanRow("wall", "train", "ply", "wall.ply")])
    (job,) = projection_jobs(tmp_path, tmp_path / "out", AUTO)
    small = dataclasses.replace(job, rows=job.rows[:2], scene="small")
    peaks = []
    for made in (small, job):
        tracemalloc.start()
        project_scene(made)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    size = job.file.stat().st_size
    assert size > frames * 8 * 50_000
    assert peaks[1] < peaks[0] + 1_000_000 < size / 2
    file = VisiblePointsFile(job.file)
    assert all(len(file.load(name)) > 50_000 for name in file.frames)
