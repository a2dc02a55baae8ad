# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Rooms written as NYU-Depth V2's file, and read back by its reader."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")
pytest.importorskip("h5py")
pytest.importorskip("scipy")

import h5py

from seg3d2d_ros.labels import LabelSpace
from training.data.manifest import read_manifest
from training.data.nyu.camera import COLOR_CAMERA, color_camera
from training.data.nyu.classes import NYU894_NAMES, NYU894_TO_40
from training.data.prepare_dataset import prepare_dataset
from training.data.registry import open_dataset
from training.rendering.domain import Part
from training.rendering.layout import furnish
from training.rendering.layouts.nyu import NyuLayout, raw_labels
from training.rendering.nyu40 import NYU40_NAMES
from training.rendering.render import render_ground_truth
from training.rendering.room_job import RoomJob
from training.rendering.rooms_error import RoomsError
from training.rendering.structured_light import measured
from training.rendering.views import choose_views

LAYOUT = NyuLayout()
SPLITS = {"train": [0], "val": [1]}


def jobs_in(out, size=(64, 48), frames=1):
    job = RoomJob(
        out, 0, Part("A", "train"), 3, frames, size, out, "bedroom", None, False, size, LAYOUT
    )
    return [job, replace(job, index=1, part=Part("A", "val"), kind="kitchen", frames=1)]


@lru_cache
def room_of(seed, index, kind):
    rng = np.random.default_rng([seed, index])
    return furnish(kind, None, rng), rng


def furnished(job):
    room, rng = room_of(job.seed, job.index, job.kind)
    return room, copy.deepcopy(rng)


def write(job):
    room, rng = furnished(job)
    return sum(LAYOUT.write(job, room, rng))


def truth(job):
    """What the room's first picture shows, once more and without its light."""
    room, rng = furnished(job)
    camera = color_camera(*job.size)
    fov = 2 * float(np.arctan(job.size[0] / 2 / camera.fx))
    return render_ground_truth(room.scene, camera, choose_views(room, job.frames, fov, rng)[0])


def finish(out, jobs):
    LAYOUT.finish(out, SPLITS, jobs)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_room_at_nyus_size_comes_back_from_prepare_as_it_was_rendered(tmp_path, repository):
    assert LAYOUT.default_size == (640, 480)
    (job, _) = jobs_in(tmp_path / "rooms", LAYOUT.default_size)
    assert write(job) == 1
    LAYOUT.finish(job.out, {"train": [0], "val": []}, [job])
    space = LabelSpace.load(repository / "config/labels/nyu40.yaml")
    prepared = prepare_dataset(open_dataset("nyu", job.out), tmp_path / "out", space)
    assert (prepared.frames, prepared.defects) == ({"train": 1}, [])
    (row,) = read_manifest(prepared.folder)
    expected = truth(job)
    with h5py.File(job.out / "nyu_depth_v2_labeled.mat", "r") as mat:
        picture = mat["images"][0].transpose(2, 1, 0)  # which test_nyu_bytes.py compares
    read = lambda path: cv2.imread(str(prepared.folder / path), cv2.IMREAD_UNCHANGED)  # noqa: E731
    assert (row.name, row.scene) == ("0001", "bedroom_0000")
    assert (read(row.image)[..., ::-1] == picture).all() and picture.std() > 10
    assert len(np.unique(expected.label)) >= 3
    assert (read(row.label) == expected.label).all()
    depth = read(row.depth) / row.depth_scale
    assert (
        np.abs(depth - measured(expected.depth, COLOR_CAMERA)).max() <= 0.5 / row.depth_scale + 1e-6
    )
    assert 0.5 < (depth > 0).mean() < 1 and row.intrinsics == COLOR_CAMERA.row()


def test_the_file_appears_once_all_rooms_are_there_and_the_parts_go(tmp_path):
    jobs = jobs_in(tmp_path)
    finish(tmp_path, jobs)
    write(jobs[0])
    finish(tmp_path, jobs)
    assert names_in(tmp_path) == ["parts"]
    assert [LAYOUT.done(job) for job in jobs] == [True, False]
    write(jobs[1])
    finish(tmp_path, jobs)
    files = ["classMapping40.mat", "nyu_depth_v2_labeled.mat", "splits.mat"]
    assert names_in(tmp_path) == files
    assert all(LAYOUT.done(job) and LAYOUT.frames_done(job) for job in jobs)


def test_parts_that_an_interruption_has_left_behind_are_removed(tmp_path):
    jobs = jobs_in(tmp_path)
    for job in jobs:
        write(job)
    finish(tmp_path, jobs)
    content = (tmp_path / "nyu_depth_v2_labeled.mat").read_bytes()
    write(jobs[0])
    assert "parts" in names_in(tmp_path)
    finish(tmp_path, jobs)
    assert "parts" not in names_in(tmp_path)
    assert (tmp_path / "nyu_depth_v2_labeled.mat").read_bytes() == content


def test_an_interrupted_room_leaves_no_part(tmp_path):
    (job, _) = jobs_in(tmp_path, frames=2)
    room, rng = furnished(job)
    writing = LAYOUT.write(job, room, rng)
    assert next(writing) == 1
    writing.close()
    assert names_in(tmp_path / "parts") == [] and not LAYOUT.done(job)


def test_an_assembly_that_fails_leaves_no_file_and_the_next_one_succeeds(tmp_path):
    jobs = jobs_in(tmp_path)
    for job in jobs:
        write(job)
    (part,) = (tmp_path / "parts/scene0001_00").iterdir()
    content = part.read_bytes()
    part.write_bytes(b"")
    with pytest.raises(RoomsError, match="scene0001_00/000000.npz is damaged .*remove its folder"):
        finish(tmp_path, jobs)
    assert not [name for name in names_in(tmp_path) if "labeled" in name]
    part.write_bytes(content)
    finish(tmp_path, jobs)
    assert "nyu_depth_v2_labeled.mat" in names_in(tmp_path)


def test_the_same_rooms_give_the_same_bytes(tmp_path):
    contents = []
    for name in ("one", "two"):
        jobs = jobs_in(tmp_path / name)
        for job in jobs:
            write(job)
        finish(tmp_path / name, jobs)
        contents.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert len(contents[0]) == 3 and contents[0] == contents[1]


def test_frames_are_of_the_split_of_their_room_whoever_comes_first(tmp_path):
    jobs = jobs_in(tmp_path, frames=3)
    for job in jobs:
        write(job)
    LAYOUT.finish(tmp_path, {"train": [1], "val": [0]}, jobs[::-1])
    reader = open_dataset("nyu", tmp_path)
    assert reader.scenes() == {"bedroom_0000": "val", "kitchen_0001": "train"}
    scene = reader.prepare_scene("bedroom_0000", "val", tmp_path / "unpacked")
    assert [(row.name, row.split) for row in scene.rows] == [(f"000{k}", "val") for k in (1, 2, 3)]


def test_depth_of_another_size_is_refused(tmp_path):
    job = replace(jobs_in(tmp_path)[0], depth_size=(32, 24))
    room, rng = furnished(job)
    with pytest.raises(RoomsError, match="NYU's depth is of the pictures' size"):
        next(LAYOUT.write(job, room, rng))


def test_each_of_the_40_is_written_as_one_of_the_894_that_becomes_it():
    labels = raw_labels()
    assert labels[0] == 0 and (NYU894_TO_40[labels[1:]] == np.arange(1, 41)).all()
    same = [NYU894_NAMES[labels[k] - 1].replace(" ", "") == NYU40_NAMES[k] for k in range(1, 41)]
    # refrigerator, which NYU spells otherwise, and the three classes of all others
    assert same.count(False) == 4
    assert (np.sort(labels) != labels).any()
