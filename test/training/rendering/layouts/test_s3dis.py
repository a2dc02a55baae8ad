# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Rendered rooms on disk as 2D-3D-S, read back by arithmetic that is not the reader's."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")

from seg3d2d_ros.labels import LabelSpace
from training.data.intrinsics import Intrinsics
from training.data.prepare_dataset import prepare_dataset
from training.data.registry import open_dataset
from training.rendering.camera import look_at
from training.rendering.domain import Part
from training.rendering.kinds import ROOM_KINDS
from training.rendering.layout import furnish
from training.rendering.layouts.s3dis import S3disLayout, write_frame
from training.rendering.layouts.s3dis_rooms import (
    LABELS_PER_ROOM,
    NYU40_TO_S3DIS,
    ROOM_TYPES,
    AreaRoom,
    RoomInstances,
    camera_uuid,
    euler_angles,
    pose_fields,
)
from training.rendering.nyu40 import NYU40
from training.rendering.render import render_ground_truth
from training.rendering.room_frames import RenderedFrame, RoomCameras
from training.rendering.room_job import RoomJob
from training.rendering.rooms_error import RoomsError

SIZE = 96
LAYOUT = S3disLayout()
CLASSES = (
    "ceiling floor wall beam column window door table chair sofa bookcase board clutter".split()
)


def job_of(out, index, split, kind, frames=2, **changes):
    arguments = {
        "out": out,
        "index": index,
        "part": Part("A", split),
        "seed": 5,
        "frames": frames,
        "size": (SIZE, SIZE),
        "furniture": Path("none"),
        "kind": kind,
        "carrier": None,
        "scan": True,
        "depth_size": (SIZE, SIZE),
        "layout": LAYOUT,
    }
    return RoomJob(**(arguments | changes))


def furnished_of(job):
    rng = job.part.generator(job.seed, job.index)
    return furnish(job.kind, None, rng), np.random.Generator(rng.bit_generator)


def write(job):
    return sum(LAYOUT.write(job, *furnished_of(job)))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two rooms: an office to train on and a corridor of Area 5."""
    out = tmp_path_factory.mktemp("rooms")
    jobs = [job_of(out, 1, "train", "bathroom"), job_of(out, 2, "val", "corridor", 3)]
    splits = {"train": [1], "val": [2]}
    LAYOUT.finish(out, splits, jobs)
    assert json.loads((out / "assets/semantic_labels.json").read_text()) == ["<UNK>_0_<UNK>_0_0"]
    for job in jobs:
        assert not LAYOUT.done(job) and not LAYOUT.frames_done(job)
        assert write(job) == job.frames
        assert LAYOUT.done(job) and LAYOUT.frames_done(job)
    LAYOUT.finish(out, splits, jobs)
    return out


def poses(root):
    found = sorted(root.glob("area_*/data/pose/*.json"))
    assert len(found) == 5
    return found


def beside(pose, kind):
    return pose.parent.parent / kind / pose.name.replace("pose.json", f"{kind}.png")


def test_files_are_named_as_published(root):
    pattern = (
        r"area_(2|5a|5b)/data/(rgb|depth|semantic|pose)/camera_[0-9a-f]{32}_(WC_2|hallway_3)"
        r"_frame_\d+_domain_\2\.(png|json)"
    )
    files = [str(p.relative_to(root)) for p in root.rglob("*_domain_*")]
    assert len(files) == 4 * 5
    assert all(re.fullmatch(pattern, file) for file in files)
    assert {str(p.relative_to(root).parts[0]) for p in poses(root)} == {
        "area_2",
        "area_5a",
        "area_5b",
    }
    assert (root / "Area_2/WC_2/WC_2.txt").is_file()
    assert (root / "Area_5/hallway_3/Annotations/floor_1.txt").is_file()
    assert not list(root.rglob("*.part"))


def test_images_have_the_published_encodings(root):
    for pose in poses(root):
        rgb, depth, semantic = (
            cv2.imread(str(beside(pose, kind)), cv2.IMREAD_UNCHANGED)
            for kind in ("rgb", "depth", "semantic")
        )
        assert rgb.shape == semantic.shape == (SIZE, SIZE, 3)
        assert rgb.dtype == semantic.dtype == np.uint8
        assert depth.shape == (SIZE, SIZE) and depth.dtype == np.uint16
        assert 0.2 < np.median(depth[depth < 65535]) / 512 < 9
        assert rgb.std() > 5


def test_semantic_colours_name_the_thing_its_room_and_its_area(root):
    names = json.loads((root / "assets/semantic_labels.json").read_text())
    assert len(names) <= 1 + 3 * LABELS_PER_ROOM
    for pose in poses(root):
        b, g, r = (x.astype(int) for x in cv2.split(cv2.imread(str(beside(pose, "semantic")))))
        index = np.unique(r * 65536 + g * 256 + b)
        room = json.loads(pose.read_text())["room"]
        for number in index[index != 0x0D0D0D]:
            kind, instance, *where = names[number].split("_")
            assert kind in CLASSES and int(instance) >= 1
            assert "_".join(where) == room


def test_a_cloud_and_the_images_call_things_by_the_same_names(root):
    names = set(json.loads((root / "assets/semantic_labels.json").read_text()))
    for area, room in ((2, "WC_2"), (5, "hallway_3")):
        folder = root / f"Area_{area}" / room
        files = sorted((folder / "Annotations").glob("*.txt"))
        assert len(files) > 6
        assert all(f"{file.stem}_{room}_{area}" in names for file in files)
        whole = np.loadtxt(folder / f"{room}.txt")
        parts = np.concatenate([np.loadtxt(file, ndmin=2) for file in files])
        assert len(whole) > 10_000
        order = [np.lexsort(x.T) for x in (whole, parts)]
        np.testing.assert_array_equal(whole[order[0]], parts[order[1]])
        assert (whole[:, 3:] >= 0).all() and (whole[:, 3:] <= 255).all()


def test_points_projected_by_the_raw_json_land_at_the_depth_images_depth(root):
    """By K (R X + t) with world-to-camera R and t, pixels counted from the image's corner."""
    for pose in poses(root):
        fields = json.loads(pose.read_text())
        part, room = pose.parts[-4], fields["room"].rsplit("_", 1)[0]
        points = np.loadtxt(root / f"Area_{part[5]}" / room / f"{room}.txt")[:, :3]
        if part.endswith("b"):  # xyz of Area 5 = [[0,1,0],[-1,0,0],[0,0,1]] xyz + (-4.10, 6.23, 0)
            x, y, z = points.T
            points = np.stack([6.22617759 - y, x + 4.09703582, z], 1)
        k, rt = np.array(fields["camera_k_matrix"]), np.array(fields["camera_rt_matrix"])
        assert rt.shape == (3, 4) and k[:2, 2].tolist() == [SIZE / 2, SIZE / 2]
        seen = (points @ rt[:, :3].T + rt[:, 3]) @ k.T
        seen = seen[seen[:, 2] > 0.05]
        z = seen[:, 2]
        u, v = np.floor(seen[:, 0] / z).astype(int), np.floor(seen[:, 1] / z).astype(int)
        inside = (u >= 1) & (v >= 1) & (u < SIZE - 1) & (v < SIZE - 1)
        u, v, z = u[inside], v[inside], z[inside]
        stored = cv2.imread(str(beside(pose, "depth")), cv2.IMREAD_UNCHANGED)
        depth = np.where(stored == 65535, np.nan, stored / 512.0)
        # A pixel's neighbours bound its depth; what is deeper is occluded.
        around = np.stack([np.roll(depth, (a, b), (0, 1)) for a in (-1, 0, 1) for b in (-1, 0, 1)])
        low, high = np.nanmin(around, 0)[v, u], np.nanmax(around, 0)[v, u]
        unoccluded = z < high + 0.03
        assert unoccluded.sum() > 1500
        assert (z > low - 0.03)[unoccluded].mean() >= 0.95
        # and most of what the room has there is seen, so that the view is not another one
        assert unoccluded.mean() > 0.5


def test_the_fields_of_a_pose_agree_with_each_other(root):
    for pose in poses(root):
        fields = json.loads(pose.read_text())
        rt, place = np.array(fields["camera_rt_matrix"]), np.array(fields["camera_location"])
        np.testing.assert_allclose(rt[:, :3] @ place + rt[:, 3], 0, atol=1e-9)
        x, y, z = fields["final_camera_rotation"]
        turns = (
            np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
            @ np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
            @ np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
        )
        # the camera looks along -z with y up, so the signs of y and z are turned
        np.testing.assert_allclose(turns.T * [[1], [-1], [-1]], rt[:, :3], atol=1e-9)
        focal = fields["camera_k_matrix"][0][0]
        assert np.isclose(2 * np.arctan(SIZE / 2 / focal), fields["field_of_view_rads"])
        name = pose.name.split("_")
        assert fields["camera_uuid"] == fields["point_uuid"] == name[1]
        assert str(fields["frame_num"]) == name[5]


def test_the_same_seed_gives_the_same_bytes_and_what_is_missing_is_written_anew(root, tmp_path):
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
        assert file.read_bytes() == (root / file.relative_to(tmp_path)).read_bytes(), file


def test_the_reader_finds_nothing_wrong_but_the_areas_that_are_not_there(
    root, tmp_path, repository
):
    space = LabelSpace.load(repository / "config" / "labels" / "s3dis13.yaml")
    prepared = prepare_dataset(open_dataset("s3dis", root), tmp_path / "out", space)
    assert prepared.frames == {"train": 2, "val": 3} and prepared.scans == 2
    assert [d.text[len(str(root)) :].split(",")[0] for d in prepared.defects] == [
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


def test_rooms_are_dealt_out_to_the_areas(tmp_path):
    rooms = [AreaRoom.of(job_of(tmp_path, k, "train", "office")) for k in range(10)]
    assert [room.area for room in rooms] == [1, 2, 3, 4, 6] * 2
    assert len({room.name for room in rooms}) == 10
    room = AreaRoom.of(job_of(tmp_path, 3, "val", "bathroom"))
    assert (room.area, room.name) == (5, "WC_4")
    assert [room.part(k) for k in range(3)] == ["area_5a", "area_5b", "area_5a"]


def test_uuids_come_from_the_seed(tmp_path):
    job = job_of(tmp_path, 3, "val", "bathroom")
    found = {camera_uuid(job, k) for k in range(50)}
    assert len(found) == 50 and all(re.fullmatch(r"[0-9a-f]{32}", u) for u in found)
    assert camera_uuid(job, 0) == camera_uuid(job_of(tmp_path / "x", 3, "val", "bathroom"), 0)
    assert camera_uuid(job, 0) != camera_uuid(job_of(tmp_path, 3, "val", "bathroom", seed=6), 0)


def test_every_kind_of_room_and_class_has_a_name():
    assert ROOM_TYPES.keys() == ROOM_KINDS.keys()
    assert len(set(ROOM_TYPES.values())) == len(ROOM_TYPES)
    assert NYU40.keys() >= NYU40_TO_S3DIS.keys() and set(NYU40_TO_S3DIS.values()) <= set(CLASSES)


def test_more_rooms_than_the_colours_can_tell_apart_are_refused(tmp_path):
    job = job_of(tmp_path, 3400, "train", "bathroom")
    with pytest.raises(RoomsError, match="at most 33"):
        RoomInstances(AreaRoom.of(job), job.index, furnished_of(job)[0].scene)


def test_euler_angles_rebuild_their_rotation():
    rng = np.random.default_rng(0)
    for _ in range(50):
        q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        rotation = q * np.sign(np.linalg.det(q))
        x, y, z = euler_angles(rotation)
        built = (
            cv2.Rodrigues(np.array([0, 0, z]))[0]
            @ cv2.Rodrigues(np.array([0, y, 0.0]))[0]
            @ cv2.Rodrigues(np.array([x, 0, 0.0]))[0]
        )
        np.testing.assert_allclose(built, rotation, atol=1e-9)
