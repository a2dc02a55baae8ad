# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What other programs read of rooms in PanoRooms3D's layout, with NumPy and OpenCV alone.

The published loader takes arrays by name, indexes them in C order, and unpacks colours itself.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")
pytest.importorskip("scipy")

from training.rendering.domain import Part
from training.rendering.layout import FurnishedRoom
from training.rendering.layouts.registry import open_layout
from training.rendering.lighting import add_ceiling_lamps
from training.rendering.mesh import box, plain, quad
from training.rendering.nyu40 import NYU40
from training.rendering.placement import Plan
from training.rendering.room import Room
from training.rendering.room_job import RoomJob
from training.rendering.scene import SceneBuilder

W, D, H = 2.0, 1.4, 1.8
# Classes of the published mapping and one original id of each.
CEILING, CABINET, BED, WALL, FLOOR = 1, 2, 13, 17, 20
ID = {CEILING: 1, CABINET: 2, BED: 17, WALL: 24, FLOOR: 51}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A room with a red cabinet at its x end and a blue bed at its y end."""
    rng = np.random.default_rng(0)
    room = Room(W, D, H)
    builder = SceneBuilder()
    for corner, u, v, label in (
        ((0, 0, 0), (W, 0, 0), (0, D, 0), "floor"),
        ((0, 0, H), (0, D, 0), (W, 0, 0), "ceiling"),
        ((0, 0, 0), (W, 0, 0), (0, 0, H), "wall"),
        ((W, 0, 0), (0, D, 0), (0, 0, H), "wall"),
        ((W, D, 0), (-W, 0, 0), (0, 0, H), "wall"),
        ((0, D, 0), (0, -D, 0), (0, 0, H), "wall"),
    ):
        builder.add(quad(corner, u, v, plain((0.5, 0.5, 0.5))), NYU40[label])
    red, blue = plain((1, 0, 0)), plain((0, 0, 1))
    builder.add(box((W - 0.3, 0.5, 0), (W - 0.01, 0.9, 1.5), red), NYU40["cabinet"])
    builder.add(box((0.7, D - 0.25, 0), (1.3, D - 0.01, 1.5), blue), NYU40["bed"])
    add_ceiling_lamps(room, builder, rng, 1.0)
    made = FurnishedRoom("office", room, Plan(room, builder, rng), builder.build())
    out = tmp_path_factory.mktemp("rooms")
    layout = open_layout("panorooms")
    size = (128, 64)
    job = RoomJob(out, 0, Part("A", "train"), 0, 1, size, out, "office", None, True, size, layout)
    layout.finish(out, {"train": [0], "val": []}, [job])
    list(layout.write(job, made, rng))
    layout.finish(out, {"train": [0], "val": []}, [job])
    return out


def headers(path):
    """Name, dtype, order and shape of each member, by the .npy header's own text."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            stream = io.BytesIO(archive.read(name))
            assert np.lib.format.read_magic(stream) == (1, 0)
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
            yield name, dtype.str, fortran, shape


def voxel_of(sdf, x, y, z):
    """The sample nearest to a place in the room: axes y, x, z, the room's middle in the middle."""
    middle = (np.array(sdf.shape) - 1) / 2
    return tuple(np.rint(middle + (np.array([y, x, z]) - (D / 2, W / 2, H / 2)) / 0.04).astype(int))


def test_files_lie_where_the_published_code_looks_for_them(root):
    files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert files == {
        "rooms/scene0000_00.npz",
        "blocks/scene0000_00_0.npz",
        "panoramas/images/training/scene0000_00.jpg",
        "panoramas/annotations/training/scene0000_00.png",
        "train.txt",
        "val.txt",
        "test.txt",
    }
    assert (root / "train.txt").read_bytes() == b"scene0000_00\n"
    assert (root / "val.txt").read_bytes() == b"" == (root / "test.txt").read_bytes()


def test_arrays_of_a_room(root):
    found = list(headers(root / "rooms/scene0000_00.npz"))
    shape = found[0][3]
    assert found == [
        ("sdf128.npy", "<f4", False, shape),
        ("color128.npy", "<f4", False, shape),
        ("semanticlabel.npy", "|u1", False, shape),
    ]
    # y, x, z: the room, 6 voxels behind each wall, rounded up around the middle
    assert shape == (49, 63, 59)


def test_a_room_read_as_the_published_loader_reads_it(root):
    with np.load(root / "rooms/scene0000_00.npz") as data:
        sdf = -3 * data["sdf128"]
        packed, label = data["color128"], data["semanticlabel"]
    blue = np.floor(packed / 65536)
    green = np.floor((packed - blue * 65536) / 256)
    red = packed - blue * 65536 - green * 256
    assert sdf.min() == -3 and 0 < sdf.max() <= 3
    assert set(np.unique(label)) >= {0, *ID.values()}
    assert (label[sdf == -3] == 0).all() and (packed[sdf == -3] == 0).all()

    cabinet = voxel_of(sdf, W - 0.33, 0.7, 0.8)  # 3 cm in front of it
    assert label[cabinet] == ID[CABINET] and -0.8 < sdf[cabinet] < -0.1
    assert (red[cabinet], green[cabinet], blue[cabinet]) == (255, 0, 0)
    bed = voxel_of(sdf, 1.0, D - 0.28, 0.8)
    assert label[bed] == ID[BED] and -0.8 < sdf[bed] < -0.1
    assert (red[bed], green[bed], blue[bed]) == (0, 0, 255)
    assert sdf[voxel_of(sdf, W - 0.24, 0.7, 0.8)] > 0.3  # inside
    grey = round(0.5 ** (1 / 2.2) * 255)
    for place, number in (((0.4, 0.4, 0.06), FLOOR), ((0.05, 0.7, 0.9), WALL)):
        voxel = voxel_of(sdf, *place)
        assert label[voxel] == ID[number]
        assert abs(red[voxel] - grey) <= 1 and abs(blue[voxel] - grey) <= 1
    assert label[voxel_of(sdf, 0.2, 0.2, H - 0.06)] == ID[CEILING]
    assert sdf[voxel_of(sdf, 0.7, 0.5, 0.9)] == -3


def test_a_block_read_as_the_published_loader_reads_it(root):
    found = list(headers(root / "blocks/scene0000_00_0.npz"))
    count = found[0][3][0]
    assert found == [
        ("targetsdf128loc.npy", "<i4", False, (count, 3)),
        ("targetsdf128.npy", "<f4", False, (count,)),
        ("targetsdf128color.npy", "<f4", False, (count, 3)),
        ("semanticlabel.npy", "|u1", False, (count,)),
    ]
    with np.load(root / "blocks/scene0000_00_0.npz") as data:
        where, values = data["targetsdf128loc"], data["targetsdf128"]
        colors, classes = data["targetsdf128color"], data["semanticlabel"]
    dense = np.full((128, 128, 128), -3, np.float32)
    dense[where[:, 0], where[:, 1], where[:, 2]] = values
    with np.load(root / "rooms/scene0000_00.npz") as data:
        sdf = -3 * data["sdf128"]
    assert (dense[:49, :63, :59] == sdf).all() and (dense[49:] == -3).all()
    assert (values > -3).all()
    at = np.nonzero((where == voxel_of(sdf, W - 0.33, 0.7, 0.8)).all(-1))[0]
    assert colors[at].tolist() == [[1, 0, 0]] and classes[at].tolist() == [CABINET]


def test_a_panorama_read_as_the_published_loader_reads_it(root):
    image = cv2.imread(str(root / "panoramas/images/training/scene0000_00.jpg"))
    label = cv2.imread(str(root / "panoramas/annotations/training/scene0000_00.png"))[:, :, 0]
    assert image.shape == (64, 128, 3) and label.shape == (64, 128)
    # ahead lies the volume's first axis (the room's y), on the right its second (x)
    assert label[32, 64] == BED and label[32, 96] == CABINET
    assert label[32, 0] == label[32, 32] == WALL and label[63, 20] == FLOOR
    blue, _, red = image[32, 64].astype(int)
    assert blue > red + 30
    blue, _, red = image[32, 96].astype(int)
    assert red > blue + 30
    plain = cv2.imread(
        str(root / "panoramas/annotations/training/scene0000_00.png"), cv2.IMREAD_UNCHANGED
    )
    assert plain.ndim == 2 and plain.dtype == np.uint8
