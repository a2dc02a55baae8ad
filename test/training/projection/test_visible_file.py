# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Files of visible points and of the published code's maps."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import pickle

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load, save

from training.data.intrinsics import Intrinsics
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestRow
from training.projection.feature_grid import FeatureGrid
from training.projection.geometry import FrameGeometry
from training.projection.legacy import LegacyMap
from training.projection.legacy_file import LegacyMapsFile
from training.projection.scene_file import SceneHeader, SceneSource, points_sha256
from training.projection.scene_file_writer import SceneFileWriter
from training.projection.splat import splat
from training.projection.visible_file import StoredFrame, VisiblePointsFile
from training.projection.visible_points import VisiblePoints

POINTS = 5000


SOURCE = SceneSource("scene0000_00", POINTS, "ab" * 32, "", {"rule": "depth"})


def row(name, height, width):
    """Of the manifest; every frame stands at a place of its own."""
    pose = np.eye(4)
    pose[0, 3] = len(name) + height
    camera = Intrinsics.from_fov(width, height, 1.0)
    return ManifestRow(
        *(f"color/{name}.jpg", None, "scene0000_00", "train", None),
        pose=pose.ravel().tolist(),
        intrinsics=camera.row(),
    )


def write_visible_points(path, frames):
    """A file of visible points by name."""
    with SceneFileWriter(VisiblePointsFile, path, SOURCE) as writer:
        for name, (height, width, points) in frames.items():
            geometry = FrameGeometry.from_row(row(name, height, width))
            writer.add(name, geometry, StoredFrame.encode(points, height, width))
        writer.leave_out("lost")


def points_in(height, width, count, seed):
    """Places all over the image, some on its edges and on borders of pixels."""
    rng = np.random.default_rng(seed)
    places = []
    for length in (width, height):
        place = rng.uniform(-0.5, length - 0.5, count).astype(np.float32)
        place[: count // 10] = rng.integers(0, length, count // 10) - np.float32(0.5)
        place[count // 10] = np.nextafter(np.float32(length - 0.5), np.float32(0))
        places.append(place)
    return VisiblePoints(*places, rng.integers(0, POINTS, count).astype(np.uint32))


@pytest.fixture
def written(tmp_path):
    """File of three frames of different sizes, the second without points, and what is in it."""
    sizes = [(480, 640, 3000), (64, 48, 0), (4096, 4096, 2000)]
    frames = {f"{k:06d}": (h, w, points_in(h, w, n, k)) for k, (h, w, n) in enumerate(sizes) if n}
    empty = np.empty(0, np.float32)
    frames["empty"] = (64, 48, VisiblePoints(empty, empty, empty.astype(np.uint32)))
    path = tmp_path / "sub" / "scene0000_00.safetensors"
    write_visible_points(path, frames)
    return path, frames


def test_places_come_back_within_a_32nd_of_a_pixel_and_the_rest_exactly(written):
    path, frames = written
    file = VisiblePointsFile(path)
    assert file.frames == list(frames)
    assert file.header == SceneHeader(
        *dataclasses.astuple(SOURCE),
        list(frames),
        [[height, width] for height, width, _ in frames.values()],
        [FrameGeometry.from_row(row(name, *f[:2])).sha256() for name, f in frames.items()],
        ["lost"],
    )
    for name, (height, width, points) in frames.items():
        found = file.load(name)
        assert file.size(name) == (height, width)
        assert np.array_equal(found.index, points.index) and found.index.dtype == np.uint32
        for place, expected, length in (
            (found.u, points.u, width),
            (found.v, points.v, height),
        ):
            assert place.dtype == np.float32
            assert np.abs(place.astype(float) - expected).max(initial=0) <= 1 / 32
            assert (place > -0.5).all() and (place < length - 0.5).all()


@pytest.mark.parametrize("stride", [1, 4, 8])
def test_cells_whose_edges_are_edges_of_pixels_get_the_same_points(written, stride):
    path, frames = written
    height, width, points = frames["000000"]
    found = VisiblePointsFile(path).load("000000")
    grid = FeatureGrid.from_edges(stride)
    assert np.array_equal(splat(found, height, width, grid), splat(points, height, width, grid))


def test_cells_with_other_edges_differ_only_where_a_point_is_near_to_one(written):
    path, frames = written
    points = frames["000000"][2]
    found = VisiblePointsFile(path).load("000000")
    cells = [np.floor((p.u / np.float32(8)) + 0.5) for p in (found, points)]  # edges at 8 i + 3.5
    other = cells[0] != cells[1]
    assert np.abs((points.u[other] - 4 + 4) % 8 - 4).max(initial=0) <= 1 / 32
    assert other.mean() < 0.01


def test_the_same_points_give_the_same_bytes(written, tmp_path):
    path, frames = written
    write_visible_points(tmp_path / "again.safetensors", frames)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_says_by_itself_what_is_in_it(tmp_path):
    places = np.array([-0.5, 2.0, 5.49], np.float32), np.array([0.0, -0.47, 3.25], np.float32)
    points = VisiblePoints(*places, np.array([7, 4999, 0], np.uint32))
    path = tmp_path / "scene.safetensors"
    write_visible_points(path, {"first": (4, 6, points), "second": (5, 7, points)})
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    described = json.loads(content[8 : 8 + length])
    start, stop = described["u"]["data_offsets"]
    u = np.frombuffer(content[8 + length :][start:stop], "<u2")
    assert u.tolist() == [0, 40, 95] * 2
    arrays = load(content)
    assert arrays["v"].tolist() == [8, 0, 60] * 2
    assert arrays["index"].tolist() == [7, 4999, 0] * 2
    assert arrays["offsets"].tolist() == [0, 3, 6]
    assert json.loads(described["__metadata__"]["visible points"]) == {
        "version": 2,
        "scene": "scene0000_00",
        "frames": ["first", "second"],
        "image_sizes": [[4, 6], [5, 7]],
        "cameras_sha256": [
            FrameGeometry.from_row(row("first", 4, 6)).sha256(),
            FrameGeometry.from_row(row("second", 5, 7)).sha256(),
        ],
        "not_projected": ["lost"],
        "points": POINTS,
        "scan_sha256": "ab" * 32,
        "inputs_sha256": "",
        "settings": {"rule": "depth"},
    }
    # by the hands of the library: no gaps, every array aligned
    assert path.read_bytes() == save(arrays, described["__metadata__"])
    with safe_open(path, "numpy") as file:
        assert file.get_slice("index")[3:5].tolist() == [7, 4999]


def _index_of(file_and_name):
    file, name = file_and_name
    return file.load(name).index


def test_a_reader_goes_to_other_processes(written):
    path, frames = written
    file = VisiblePointsFile(path, "ab" * 32)
    expected = frames["000000"][2].index
    again = pickle.loads(pickle.dumps(file))
    assert np.array_equal(again.load("000000").index, expected)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert np.array_equal(pool.map(_index_of, [(file, "000000")])[0], expected)


def test_images_larger_than_the_steps_reach_are_refused():
    points = points_in(10, 10, 20, 0)
    with pytest.raises(DatasetError, match="4097x10 pixels.* up to 4096x4096"):
        StoredFrame.encode(points, 10, 4097)


@pytest.mark.parametrize("place", [-0.51, 9.5, np.nan])
def test_points_outside_of_the_image_are_never_stored(place):
    places = np.array([3, place], np.float32)
    points = VisiblePoints(places, np.zeros(2, np.float32), np.zeros(2, np.uint32))
    with pytest.raises(ValueError, match="in 10 pixels"):
        StoredFrame.encode(points, 10, 10)


def test_a_frame_that_is_not_there_is_named(written):
    with pytest.raises(DatasetError, match="has no frame '000009'"):
        VisiblePointsFile(written[0]).load("000009")


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(DatasetError, match="nowhere.safetensors does not exist; .*project"):
        VisiblePointsFile(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("length", [0, 5, 100, 500, -1])
def test_a_truncated_file_is_refused(written, length):
    path, _ = written
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DatasetError, match=r"truncated or no scene's file .*make it anew"):
        VisiblePointsFile(path)


def test_foreign_files_are_refused(written, tmp_path):
    path, _ = written
    with pytest.raises(DatasetError, match="holds no legacy maps"):
        LegacyMapsFile(path)
    path.write_bytes(save({"weight": np.zeros(3)}))
    with pytest.raises(DatasetError, match="holds no visible points"):
        VisiblePointsFile(path)
    path.write_text("something else" * 9)
    with pytest.raises(DatasetError, match="no scene's file"):
        VisiblePointsFile(path)


def test_a_file_of_another_scan_is_refused(written):
    path, _ = written
    with pytest.raises(DatasetError, match="made from other points than this scan of 'scene0000_"):
        VisiblePointsFile(path, points_sha256(np.zeros((3, 3), np.float32)))


def change(path, *, text=None, arrays=None):
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    changed = load(content) | (arrays or {})
    metadata["visible points"] = json.dumps(json.loads(metadata["visible points"]) | (text or {}))
    path.write_bytes(save(changed, metadata))


@pytest.mark.parametrize(
    ("text", "arrays", "message"),
    [
        ({"version": 1}, {}, "version 1 of its format, this program reads 2"),
        ({"frames": ["one"]}, {}, "malformed"),
        ({"frames": ["twice", "twice", "three"]}, {}, "malformed"),
        ({"surplus": 1}, {}, "malformed"),
        ({}, {"offsets": np.array([0, 9, 8, 5000], np.uint64)}, "do not fit"),
        ({}, {"offsets": np.array([0, 9, 9, 9], np.uint64)}, "do not fit"),
        ({}, {"u": np.zeros(4999, np.uint16)}, "do not fit"),
        ({"image_sizes": [[9, 9], [9, 9]]}, {}, "do not fit"),
        ({"image_sizes": [[9, 9], [9, 9], [9, 0]]}, {}, "do not fit"),
        ({"image_sizes": 3}, {}, "malformed"),
        ({"cameras_sha256": []}, {}, "do not fit"),
        ({}, {"v": np.zeros(5000, np.float32)}, "other types"),
    ],
)
def test_a_malformed_file_is_refused(written, text, arrays, message):
    path, _ = written
    change(path, text=text, arrays=arrays)
    with pytest.raises(DatasetError, match=message):
        VisiblePointsFile(path)


def test_indices_beyond_the_scan_are_found_when_the_frame_is_read(written):
    path, _ = written
    change(path, text={"points": 100})
    file = VisiblePointsFile(path)
    assert len(file.load("empty")) == 0
    with pytest.raises(DatasetError, match=r"is damaged: its frame '000000' has point \d+ of"):
        file.load("000000")


def test_legacy_maps_come_back_exactly(tmp_path):
    rng = np.random.default_rng(0)
    maps = [LegacyMap(rng.integers(0, POINTS, s).astype(np.uint32)) for s in [(121, 162), (3, 2)]]
    path = tmp_path / "scene.safetensors"
    with SceneFileWriter(LegacyMapsFile, path, SOURCE) as writer:
        for name, size, frame in zip("ab", [(968, 1296), (17, 16)], maps, strict=True):
            writer.add(name, FrameGeometry.from_row(row(name, *size)), frame)
    file = LegacyMapsFile(path, "ab" * 32)
    assert file.size("a") == (968, 1296)
    for name, expected in zip(file.frames, maps, strict=True):
        assert np.array_equal(file.load(name).points, expected.points)
    with SceneFileWriter(LegacyMapsFile, path, SOURCE) as writer:
        writer.add("a", FrameGeometry.from_row(row("a", 64, 64)), maps[1])
    with pytest.raises(DatasetError, match="its map of 'a' has 6 cells, not 8 x 8; make it anew"):
        LegacyMapsFile(path).load("a")
    with SceneFileWriter(LegacyMapsFile, path, SOURCE):
        pass
    assert LegacyMapsFile(path).frames == []
