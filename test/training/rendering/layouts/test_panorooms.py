# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import argparse
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")
pytest.importorskip("scipy")

from seg3d2d_ros.labels import LabelSpace
from training.data.manifest import read_manifest, read_scans
from training.data.open_scan import open_scan
from training.data.panorooms.blocks import read_block, read_block_list
from training.data.panorooms.classes import CLASS_NAMES
from training.data.panorooms.panoramas import panorama_pose
from training.data.panorooms.rooms import read_room
from training.data.prepare_dataset import prepare_dataset
from training.data.registry import open_dataset
from training.rendering.command import add_parser
from training.rendering.dataset import render_dataset
from training.rendering.domain import Part
from training.rendering.layout import furnish
from training.rendering.layouts import panorooms
from training.rendering.layouts.registry import open_layout
from training.rendering.nyu40 import NYU40_NAMES
from training.rendering.panorooms_classes import CLASSES, class_by_nyu40
from training.rendering.room_job import RoomJob
from training.rendering.rooms_error import RoomsError
from training.rendering.tsdf_volume import TsdfVolume


def job_of(out, index, split, scan=True):
    size = (256, 128)
    part, furniture = Part("A", split), Path("nowhere")
    layout = open_layout("panorooms")
    return RoomJob(out, index, part, 0, 1, size, furniture, "bathroom", None, scan, size, layout)


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """Two rooms made in code."""
    out = tmp_path_factory.mktemp("rooms")
    layout = open_layout("panorooms")
    jobs = [job_of(out, 0, "train"), job_of(out, 1, "val")]
    splits = {"train": [0], "val": [1]}
    layout.finish(out, splits, jobs)
    made = []
    for job in jobs:
        rng = np.random.default_rng(job.index + 3)
        furnished = furnish(job.kind, None, rng)
        assert not job.done
        assert list(layout.write(job, furnished, rng)) == [1]
        assert job.done
        made.append(furnished)
    layout.finish(out, splits, jobs)
    return out, made


def test_what_is_written_is_prepared_without_a_defect(rooms, tmp_path, repository):
    out, made = rooms
    space = LabelSpace.load(repository / "config/labels/panorooms30.yaml")
    prepared = prepare_dataset(open_dataset("panorooms", out), tmp_path, space)
    assert prepared.defects == [] and prepared.frames == {"train": 1, "val": 1}
    assert [row.scene for row in read_manifest(tmp_path)] == ["scene0000_00", "scene0001_00"]
    for furnished, row in zip(made, read_scans(tmp_path), strict=True):
        scan = open_scan(tmp_path, row)
        room = read_room(tmp_path / row.path)
        # The panorama stands at half the room's height, in the middle of the volume.
        eye = panorama_pose(room.sdf.shape)[:3, 3]
        height = scan.points[:, 2] - eye[2] + furnished.room.height / 2
        assert abs(height.min()) < 0.03
        assert abs(height.max() - furnished.room.height) < 0.03
        span = np.ptp(scan.points, axis=0)
        assert furnished.room.width - 0.05 < span[0] < furnished.room.width + 0.5
        assert furnished.room.depth - 0.05 < span[1] < furnished.room.depth + 0.5
        floor = np.abs(height) < 0.021
        assert (scan.labels[floor] == CLASS_NAMES.index("floor")).mean() > 0.7
        blocks = read_block_list(tmp_path / "unpacked" / row.scene)
        assert len(blocks) == 1  # of rooms below 5.12 m
        block = read_block(blocks[0])
        part = tuple(slice(0, length) for length in room.sdf.shape)
        assert (block.sdf[part] == room.sdf).all() and (block.labels[part] == room.labels).all()
        assert np.abs(block.colors[part] - room.colors).max() < 1e-6
        assert (block.sdf > -3).sum() == (room.sdf > -3).sum()


@pytest.mark.parametrize("number", [0, 1])
def test_the_volume_seen_from_its_middle_is_the_panorama(rooms, number):
    out, _ = rooms
    room = read_room(out / f"rooms/scene000{number}_00.npz")
    part = ("training", "validation")[number]
    label = cv2.imread(
        str(out / f"panoramas/annotations/{part}/scene000{number}_00.png"), cv2.IMREAD_UNCHANGED
    )
    assert label.shape == (128, 256) and label.dtype == np.uint8
    row, column = np.mgrid[0:128, 0:256]
    longitude = ((column + 0.5) / 256 - 0.5) * 2 * np.pi
    latitude = (0.5 - (row + 0.5) / 128) * np.pi
    # As published: the first axis ahead, the second on the right, the third up.
    way = np.stack(
        [
            np.cos(latitude) * np.cos(longitude),
            np.cos(latitude) * np.sin(longitude),
            np.sin(latitude),
        ],
        -1,
    ).reshape(-1, 3)
    middle = (np.array(room.sdf.shape) - 1) / 2
    seen = np.zeros(len(way), np.uint8)
    going = np.ones(len(way), np.bool_)
    for distance in np.arange(0, 5, 0.01):
        voxel = np.rint(middle + way * distance / 0.04).astype(int)
        going &= ((voxel >= 0) & (voxel < room.sdf.shape)).all(-1)
        there = going.copy()
        there[going] = room.sdf[tuple(voxel[going].T)] > -0.35
        seen[there] = room.labels[tuple(voxel[there].T)]
        going &= ~there
    assert (seen == label.ravel()).mean() > 0.93
    mirrored = seen.reshape(128, 256)[:, ::-1]
    assert (mirrored == label).mean() < 0.85


def test_an_interrupted_room_goes_on_and_ends_with_the_same_files(rooms, tmp_path):
    out, _ = rooms
    job = job_of(tmp_path, 0, "train", scan=False)
    rng = np.random.default_rng(3)
    furnished = furnish(job.kind, None, rng)
    assert list(job.layout.write(job, furnished, rng)) == [1]
    assert job.done and not (tmp_path / "rooms").exists()
    whole = job_of(tmp_path, 0, "train")
    assert not whole.done and whole.layout.frames_done(whole)
    assert list(whole.layout.write(whole, furnished, np.random.default_rng(0))) == []
    assert whole.done
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 4
    for file in files:
        assert (tmp_path / file).read_bytes() == (out / file).read_bytes()


def test_blocks_cover_a_room_that_is_larger_than_they_are(tmp_path):
    shape = (20, 300, 10)  # x, y, z
    tsdf = np.ones(shape, np.float32)
    tsdf[3, :, 4] = np.linspace(-1, 0.9, 300)
    labels = np.where(tsdf < 1, 5, 0).astype(np.uint8)
    colors = np.zeros((*shape, 3), np.uint8)
    volume = TsdfVolume(tsdf, colors, labels, np.zeros(3), np.zeros(3))
    job = job_of(tmp_path, 7, "train")
    panorooms._write_volume(job, volume)
    blocks = sorted((tmp_path / "blocks").iterdir())
    assert [block.name for block in blocks] == [f"scene0007_00_{k}.npz" for k in range(3)]
    room = read_room(tmp_path / "rooms/scene0007_00.npz")
    assert room.sdf.shape == (300, 20, 10)
    for start, path in zip((0, 86, 172), blocks, strict=True):
        block = read_block(path)
        assert (block.sdf[:, :20, :10] == room.sdf[start : start + 128]).all()
        assert (block.labels[:, 3, 4] == CLASS_NAMES.index("chair")).all()


def test_blocks_start_so_that_nothing_is_left_out():
    for length in (1, 127, 128, 129, 256, 257, 300, 1000):
        starts = panorooms._starts(length)
        assert starts[0] == 0 and max(starts[-1] + 128, 128) >= length
        assert all(b - a <= 128 for a, b in pairwise(starts))
        assert len(starts) == -(-length // 128)


def test_every_class_of_the_rooms_has_one_of_panorooms():
    assert tuple(CLASSES) == NYU40_NAMES
    table = class_by_nyu40()
    assert table[0] == 0 and (table[1:] > 0).all() and table.max() < 30
    for name in ("wall", "floor", "bed", "door", "lamp", "mirror"):
        assert CLASS_NAMES[table[NYU40_NAMES.index(name)]] == name


def arguments(out, *more):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(dest="verb"))
    common = ("rooms", "--out", str(out), "--format", "panorooms", "--rooms", "2")
    return parser.parse_args([*common, *more])


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (("--size", "320x240"), "2 times as wide as high, not 320x240; use --size 480x240"),
        (("--trajectory", "5"), "leave out --trajectory"),
    ],
)
def test_pictures_that_the_data_set_has_not_are_refused_before_anything_is_written(
    tmp_path, more, text
):
    out = tmp_path / "rooms"
    with pytest.raises(RoomsError, match=text):
        render_dataset(arguments(out, *more))
    assert not out.exists()
