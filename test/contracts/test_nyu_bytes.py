# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Rooms in NYU-Depth V2's layout, field by field against the published file.

Read by h5py and SciPy. Sources: the data set's page (arrays of the labelled part, in MATLAB's
H x W x 3 x N), MathWorks' MAT-File Format (header) and MAT-File Versions (7.3 is HDF5 with a user
block of 512 bytes).
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("open3d")
pytest.importorskip("pyoidn")
pytest.importorskip("h5py")
pytest.importorskip("scipy")

import h5py
import scipy.io

from training.data.nyu.camera import color_camera
from training.rendering.domain import Part
from training.rendering.layout import furnish
from training.rendering.layouts.nyu import NyuLayout
from training.rendering.room_frames import RoomCameras, rendered_frames
from training.rendering.room_job import RoomJob

SIZE = (64, 48)
KINDS = ("bathroom", "living_room")
FRAMES = 2


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """Folder of two rooms of two frames each, and the frames."""
    out = tmp_path_factory.mktemp("nyu")
    layout, jobs, frames = NyuLayout(), [], []
    for index, kind in enumerate(KINDS):
        part = Part("A", ("train", "val")[index])
        jobs.append(
            RoomJob(out, index, part, 5, FRAMES, SIZE, out, kind, None, False, SIZE, layout)
        )
        rng = np.random.default_rng(index)
        list(layout.write(jobs[-1], furnish(kind, None, rng), rng))
        rng = np.random.default_rng(index)
        room, camera = furnish(kind, None, rng), color_camera(*SIZE)
        cameras = RoomCameras(camera, camera, 2 * float(np.arctan(SIZE[0] / 2 / camera.fx)))
        frames += rendered_frames(jobs[-1], room, cameras, rng)
    layout.finish(out, {"train": [0], "val": [1]}, jobs)
    return out, frames


@pytest.fixture
def mat(rooms):
    with h5py.File(rooms[0] / "nyu_depth_v2_labeled.mat", "r") as file:
        yield file


def strings(file, name):
    """As the published file is read: object references to columns of UTF-16 codes."""
    assert file[name].shape[0] == 1 and file[name].dtype == h5py.ref_dtype
    codes = [file[reference] for reference in file[name][0]]
    assert all(c.dtype == np.uint16 and c.shape[1] == 1 for c in codes)
    assert {c.attrs["MATLAB_class"] for c in codes} == {b"char"}
    assert {int(c.attrs["MATLAB_int_decode"]) for c in codes} == {2}
    return ["".join(chr(code) for code in c[:, 0]) for c in codes]


def test_the_header_is_matlabs_and_hdf5_begins_at_512(rooms):
    content = (rooms[0] / "nyu_depth_v2_labeled.mat").read_bytes()
    assert content.startswith(b"MATLAB 7.3 MAT-file, ")
    assert content[:116].decode("ascii").isprintable()
    assert content[116:124] == bytes(8)  # no subsystem data
    assert content[124:128] == b"\x00\x02IM"  # version 2.0, little-endian
    assert content[128:512] == bytes(384)
    assert content[512:520] == b"\x89HDF\r\n\x1a\n"


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "matlab"),
    [
        ("images", (4, 3, 64, 48), np.uint8, b"uint8"),
        ("depths", (4, 64, 48), np.float32, b"single"),
        ("rawDepths", (4, 64, 48), np.float32, b"single"),
        ("labels", (4, 64, 48), np.uint16, b"uint16"),
        ("instances", (4, 64, 48), np.uint8, b"uint8"),
    ],
)
def test_arrays_have_the_published_types_and_reversed_axes(mat, name, shape, dtype, matlab):
    data = mat[name]
    assert (data.shape, data.dtype, data.attrs["MATLAB_class"]) == (shape, dtype, matlab)


def test_pictures_stand_upright_once_the_axes_are_turned_round(mat, rooms):
    for number, frame in enumerate(rooms[1]):
        for row, column, channel in ((0, 0, 0), (5, 60, 1), (47, 3, 2), (20, 33, 0)):
            assert mat["images"][number, channel, column, row] == frame.color[row, column, channel]
            assert mat["depths"][number, column, row] == frame.depth[row, column]
        assert (np.asarray(mat["images"][number]).transpose(2, 1, 0) == frame.color).all()
        # neither mirrored nor turned, for which a symmetric picture would not tell
        assert (frame.color != frame.color[::-1]).any() and (
            frame.color != frame.color[:, ::-1]
        ).any()


def test_labels_become_the_rendered_ones_through_the_mapping_and_only_so(mat, rooms):
    mapping = scipy.io.loadmat(rooms[0] / "classMapping40.mat")
    assert mapping["mapClass"].shape == (1, 894) and mapping["className"].shape == (1, 40)
    names = strings(mat, "names")
    assert len(names) == 894 and names[20] == "wall" and names[10] == "floor"
    assert [str(name[0]) for name in mapping["allClassName"][0]] == names
    to_40 = np.concatenate([[0], mapping["mapClass"][0]])
    for number, frame in enumerate(rooms[1]):
        raw = np.asarray(mat["labels"][number]).T
        assert (to_40[raw] == frame.truth.label).all()
        assert (raw != frame.truth.label).mean() > 0.5
    wall = np.asarray(mat["labels"][0]).T[rooms[1][0].truth.label == 1]
    assert {names[label - 1] for label in wall} == {"wall"}


def test_instances_are_counted_from_one_within_each_class(mat, rooms):
    for number, frame in enumerate(rooms[1]):
        label, instance = (np.asarray(mat[name][number]).T for name in ("labels", "instances"))
        assert (instance[label == 0] == 0).all()
        for raw in set(np.unique(label)) - {0}:
            here = label == raw
            found = np.unique(instance[here])
            assert found.tolist() == list(range(1, len(found) + 1))
            pairs = set(zip(instance[here], frame.truth.instance[here], strict=True))
            assert len(pairs) == len(found) == len(np.unique(frame.truth.instance[here]))


def test_raw_depth_is_depth_with_holes(mat):
    depth, raw = mat["depths"][()], mat["rawDepths"][()]
    assert ((raw == depth) | (raw == 0)).all()
    assert 0 < (raw[depth > 0] == 0).mean() < 0.5


def test_scenes_are_named_after_type_and_number(mat):
    assert strings(mat, "scenes") == ["bathroom_0000"] * 2 + ["living_room_0001"] * 2
    assert strings(mat, "sceneTypes") == ["bathroom"] * 2 + ["living_room"] * 2
    assert strings(mat, "rawRgbFilenames")[3] == "living_room_0001/000001.ppm"
    assert len(strings(mat, "rawDepthFilenames")) == 4


def test_splits_are_columns_of_numbers_from_one(rooms):
    splits = scipy.io.loadmat(rooms[0] / "splits.mat")
    for name, numbers in (("trainNdxs", [1, 2]), ("testNdxs", [3, 4])):
        assert splits[name].dtype == np.uint16
        assert splits[name].tolist() == [[number] for number in numbers]
