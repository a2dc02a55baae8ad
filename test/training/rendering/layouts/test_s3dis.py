# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Rendered rooms on disk as 2D-3D-S, read back by arithmetic that is not the reader's."""

import json
import re

import cv2
import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")

from s3dis_rendered import CLASSES, LAYOUT, SIZE, beside, furnished_of, job_of, poses, write

from seg3d2d_ros.labels import LabelSpace
from training.data.intrinsics import Intrinsics
from training.data.prepare_dataset import prepare_dataset
from training.data.registry import open_dataset
from training.rendering.camera import look_at
from training.rendering.layouts.s3dis import write_frame
from training.rendering.layouts.s3dis_rooms import (
    LABELS_PER_ROOM,
    AreaRoom,
    RoomInstances,
    pose_fields,
)
from training.rendering.nyu40 import NYU40
from training.rendering.render import render_ground_truth
from training.rendering.room_frames import RenderedFrame, RoomCameras


def test_files_are_named_as_published(s3dis_root):
    pattern = (
        r"area_(2|5a|5b)/data/(rgb|depth|semantic|pose)/camera_[0-9a-f]{32}_(WC_2|hallway_3)"
        r"_frame_\d+_domain_\2\.(png|json)"
    )
    files = [str(p.relative_to(s3dis_root)) for p in s3dis_root.rglob("*_domain_*")]
    assert len(files) == 4 * 5
    assert all(re.fullmatch(pattern, file) for file in files)
    assert {str(p.relative_to(s3dis_root).parts[0]) for p in poses(s3dis_root)} == {
        "area_2",
        "area_5a",
        "area_5b",
    }
    assert (s3dis_root / "Area_2/WC_2/WC_2.txt").is_file()
    assert (s3dis_root / "Area_5/hallway_3/Annotations/floor_1.txt").is_file()
    assert not list(s3dis_root.rglob("*.part"))


def test_images_have_the_published_encodings(s3dis_root):
    for pose in poses(s3dis_root):
        rgb, depth, semantic = (
            cv2.imread(str(beside(pose, kind)), cv2.IMREAD_UNCHANGED)
            for kind in ("rgb", "depth", "semantic")
        )
        assert rgb.shape == semantic.shape == (SIZE, SIZE, 3)
        assert rgb.dtype == semantic.dtype == np.uint8
        assert depth.shape == (SIZE, SIZE) and depth.dtype == np.uint16
        assert 0.2 < np.median(depth[depth < 65535]) / 512 < 9
        assert rgb.std() > 5


def test_semantic_colours_name_the_thing_its_room_and_its_area(s3dis_root):
    names = json.loads((s3dis_root / "assets/semantic_labels.json").read_text())
    assert len(names) <= 1 + 3 * LABELS_PER_ROOM
    for pose in poses(s3dis_root):
        b, g, r = (x.astype(int) for x in cv2.split(cv2.imread(str(beside(pose, "semantic")))))
        index = np.unique(r * 65536 + g * 256 + b)
        room = json.loads(pose.read_text())["room"]
        for number in index[index != 0x0D0D0D]:
            kind, instance, *where = names[number].split("_")
            assert kind in CLASSES and int(instance) >= 1
            assert "_".join(where) == room


def test_a_cloud_and_the_images_call_things_by_the_same_names(s3dis_root):
    names = set(json.loads((s3dis_root / "assets/semantic_labels.json").read_text()))
    for area, room in ((2, "WC_2"), (5, "hallway_3")):
        folder = s3dis_root / f"Area_{area}" / room
        files = sorted((folder / "Annotations").glob("*.txt"))
        assert len(files) > 6
        assert all(f"{file.stem}_{room}_{area}" in names for file in files)
        whole = np.loadtxt(folder / f"{room}.txt")
        parts = np.concatenate([np.loadtxt(file, ndmin=2) for file in files])
        assert len(whole) > 10_000
        order = [np.lexsort(x.T) for x in (whole, parts)]
        np.testing.assert_array_equal(whole[order[0]], parts[order[1]])
        assert (whole[:, 3:] >= 0).all() and (whole[:, 3:] <= 255).all()


def test_the_same_seed_gives_the_same_bytes_and_what_is_missing_is_written_anew(
    s3dis_root, tmp_path
):
    job = job_of(tmp_path, 1, "train", "bathroom", scan=False)
    write(job)
    assert LAYOUT.done(job) and not list(tmp_path.glob("Area_*"))
    lost = next(tmp_path.rglob("*_frame_0_domain_depth.png"))
    lost.unlink()
    assert not LAYOUT.frames_done(job)
    write(job)
    assert LAYOUT.done(job)
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert len(files) == 4 * 2 + 1 and lost in files
    for file in files:
        assert file.read_bytes() == (s3dis_root / file.relative_to(tmp_path)).read_bytes(), file


def test_the_reader_finds_nothing_wrong_but_the_areas_that_are_not_there(
    s3dis_root, tmp_path, repository
):
    space = LabelSpace.load(repository / "config" / "labels" / "s3dis13.yaml")
    prepared = prepare_dataset(open_dataset("s3dis", s3dis_root), tmp_path / "out", space)
    assert prepared.frames == {"train": 2, "val": 3} and prepared.scans == 2
    assert [d.text[len(str(s3dis_root)) :].split(",")[0] for d in prepared.defects] == [
        f" has no clouds (Area_{k}) and no images (area_{k}/data)" for k in (1, 3, 4, 6)
    ]


def test_a_frame_of_the_published_size_is_written(tmp_path):
    job = job_of(tmp_path, 0, "val", "corridor", 1, size=(1080, 1080))
    furnished, _ = furnished_of(job)
    room = AreaRoom.of(job)
    instances = RoomInstances(room, job.index, furnished.scene)
    camera = Intrinsics.from_fov(1080, 1080, 1.0)
    middle = np.array([furnished.room.width, furnished.room.depth, 2.0]) / 2
    pose = look_at(middle, middle + np.array([0.1, 1, -0.1]), 0.0)
    truth = render_ground_truth(furnished.scene, camera, pose)
    picture = np.zeros((1080, 1080, 3), np.uint8)
    picture[..., 0] = 200  # red
    frame = RenderedFrame(picture, truth, truth.depth, pose, 90)
    files = {kind: tmp_path / f"{kind}.png" for kind in ("rgb", "depth", "semantic")}
    files["pose"] = tmp_path / "pose.json"
    fields = pose_fields(pose, RoomCameras(camera, camera, 1.0), job, room, 0)
    write_frame(files, frame, instances, fields)
    stored = cv2.imread(str(files["depth"]), cv2.IMREAD_UNCHANGED)
    assert stored.shape == (1080, 1080)
    met = truth.depth > 0
    assert (stored[~met] == 65535).all() and (stored[met] < 65535).all()
    assert np.abs(stored[met] / 512 - truth.depth[met]).max() <= 0.5001 / 512
    assert cv2.imread(str(files["rgb"]))[5, 5].tolist() == [0, 0, 200]
    assert json.loads(files["pose"].read_text())["camera_k_matrix"][0][2] == 540
    semantic = cv2.imread(str(files["semantic"])).astype(int)
    index = semantic[..., 2] * 65536 + semantic[..., 1] * 256 + semantic[..., 0]
    kinds = np.array([name.split("_")[0] for name in instances.names])[index[met] - 1]
    assert (kinds[truth.label[met] == NYU40["floor"]] == "floor").all()
    assert (kinds[truth.label[met] == NYU40["wall"]] == "wall").all()
    things = truth.instance[met]
    for number in np.unique(index[met]):
        assert len(np.unique(things[index[met] == number])) == 1
