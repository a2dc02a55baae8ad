# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from training.data.defects import DefectError, DefectKind
from training.data.panorooms.blocks import read_block
from training.data.panorooms.classes import class_table
from training.data.panorooms.rooms import pack_colors, read_room, unpack_colors
from training.data.panorooms.surface import read_surface


def saved(path, arrays, **changed):
    np.savez_compressed(path, **{**arrays, **changed})
    return path


def test_a_room_is_what_the_published_loader_makes_of_it(tmp_path, room_arrays):
    room = read_room(saved(tmp_path / "a.npz", room_arrays))
    assert (room.sdf.dtype, room.colors.dtype, room.labels.dtype) == (
        np.float32,
        np.float32,
        np.uint8,
    )
    assert room.sdf.shape == (6, 5, 4) and room.colors.shape == (6, 5, 4, 3)
    assert (room.sdf == -3 * room_arrays["sdf128"]).all()
    packed = room_arrays["color128"][3, 2, 1]
    blue, green, red = packed // 65536, packed // 256 % 256, packed % 256
    wanted = np.array([red, green, blue]) / 255 * 2 - 1
    assert np.allclose(room.colors[3, 2, 1], wanted, atol=1e-6)
    assert (room.colors[0] == -1).all() and (room.labels[0] == 0).all()
    assert (room.labels[1:] == class_table()[room_arrays["semanticlabel"][1:]]).all()
    assert room.centre.tolist() == [0.1, 0.08, 0.06]


def test_what_free_space_holds_is_dropped_unread(tmp_path, room_arrays):
    room_arrays["semanticlabel"][0] = 200
    room_arrays["color128"][0] = -7
    assert (read_room(saved(tmp_path / "a.npz", room_arrays)).labels[0] == 0).all()


def test_packed_colors_come_back_whole():
    colors = np.random.default_rng(0).integers(0, 256, (2000, 3), np.uint8)
    assert (unpack_colors(pack_colors(colors)) == colors).all()


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"sdf128": None}, DefectKind.DAMAGED_FILE, "lacks the array sdf128"),
        ({"color128": np.zeros((6, 5, 3))}, DefectKind.DAMAGED_FILE, "color128 of the shape"),
        ({"sdf128": np.zeros(5)}, DefectKind.DAMAGED_FILE, "of the shape (5,)"),
        ({"sdf128": np.full((6, 5, 4), np.nan)}, DefectKind.DAMAGED_FILE, "not finite"),
        ({"sdf128": np.full((6, 5, 4), 1.5)}, DefectKind.DAMAGED_FILE, "from -1 to 1"),
        ({"sdf128": np.ones((6, 5, 4))}, DefectKind.DAMAGED_FILE, "no surface"),
        ({"sdf128": np.full((6, 5, 4), "x")}, DefectKind.DAMAGED_FILE, "not of numbers"),
        ({"color128": np.full((6, 5, 4), 1 << 24)}, DefectKind.DAMAGED_FILE, "outside of 0"),
        ({"semanticlabel": np.full((6, 5, 4), 99)}, DefectKind.UNKNOWN_LABEL, "unknown ids 99"),
        ({"semanticlabel": np.full((6, 5, 4), -1)}, DefectKind.UNKNOWN_LABEL, "unknown ids -1"),
        ({"semanticlabel": np.full((6, 5, 4), 0.5)}, DefectKind.DAMAGED_FILE, "not of integers"),
        (
            {"sdf128": np.full((6, 5, 4), {}, object)},
            DefectKind.DAMAGED_FILE,
            "no readable .npz file",
        ),
    ],
)
def test_a_damaged_room_is_one_sentence(tmp_path, room_arrays, change, kind, text):
    for name, array in change.items():
        if array is None:
            del room_arrays[name]
        else:
            room_arrays[name] = array
    path = saved(tmp_path / "a.npz", room_arrays)
    with pytest.raises(DefectError) as caught:
        read_room(path)
    assert caught.value.kind is kind
    assert text in str(caught.value) and str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_room_that_is_missing_cut_or_something_else_is_one_sentence(tmp_path, room_arrays):
    with pytest.raises(DefectError, match="is not there") as caught:
        read_room(tmp_path / "none.npz")
    assert caught.value.kind is DefectKind.MISSING_FILE
    whole = saved(tmp_path / "a.npz", room_arrays).read_bytes()
    path = tmp_path / "b.npz"
    for content in (b"", whole[: len(whole) // 2], b"no archive", whole[:200] + whole[260:]):
        path.write_bytes(content)
        with pytest.raises(DefectError, match=r"no (readable )?\.npz file") as caught:
            read_room(path)
        assert caught.value.kind is DefectKind.DAMAGED_FILE
    np.save(tmp_path / "lone.npy", np.ones(3))
    with pytest.raises(DefectError, match="no .npz file"):
        read_room(tmp_path / "lone.npy")
    with pytest.raises(DefectError, match="no readable"):
        read_room(tmp_path)


def test_a_block_is_dense_and_free_where_it_says_nothing(tmp_path, block_arrays):
    block = read_block(saved(tmp_path / "a.npz", block_arrays))
    assert block.sdf.shape == (128, 128, 128)
    assert block.sdf[0, 1, 2] == -2.5 and block.sdf[127, 3, 4] == 1 and block.sdf[1, 1, 1] == -3
    assert block.colors[0, 1, 2].tolist() == [-1, 0, 1]
    assert (block.colors[5] == -1).all()
    assert block.labels[0, 1, 2] == 17 and block.labels.sum() == 17


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
def test_a_blocks_labels_may_be_whole_floats(tmp_path, block_arrays, kind):
    block_arrays["semanticlabel"] = block_arrays["semanticlabel"].astype(kind)
    block = read_block(saved(tmp_path / "a.npz", block_arrays))
    assert block.labels.dtype == np.uint8
    assert block.labels[0, 1, 2] == 17 and block.labels.sum() == 17


@pytest.mark.parametrize(
    ("name", "array", "text"),
    [
        ("targetsdf128loc", np.zeros((3, 3), int), "of the shapes"),
        ("targetsdf128", np.zeros((2, 1)), "of the shapes"),
        ("targetsdf128loc", np.full((2, 3), 128), "outside of 0 to 127"),
        ("targetsdf128loc", np.full((2, 3), 0.5), "not of integers"),
        ("targetsdf128", np.full(2, 3.5), "outside of -3 to 3"),
        ("targetsdf128", np.full(2, np.inf), "not finite"),
        ("targetsdf128color", np.full((2, 3), 255.0), "outside of 0 to 1"),
        ("semanticlabel", np.full(2, 30), "unknown ids 30"),
        ("semanticlabel", np.full(2, 30.0), "unknown ids 30"),
        ("semanticlabel", np.full(2, 1.5), "numbers that are not whole"),
        ("semanticlabel", None, "lacks the array semanticlabel"),
    ],
)
def test_a_damaged_block_is_one_sentence(tmp_path, block_arrays, name, array, text):
    if array is None:
        del block_arrays[name]
    else:
        block_arrays[name] = array
    path = saved(tmp_path / "a.npz", block_arrays)
    with pytest.raises(DefectError) as caught:
        read_block(path)
    assert text in str(caught.value) and str(path) in str(caught.value)


def test_a_block_without_a_surface_is_a_defect(tmp_path, block_arrays):
    empty = {name: array[:0] for name, array in block_arrays.items()}
    with pytest.raises(DefectError, match="no surface"):
        read_block(saved(tmp_path / "a.npz", empty))


def test_surface_points_lie_in_the_right_handed_frame(tmp_path):
    tsdf = np.ones((4, 5, 6), np.float32)
    tsdf[1, 2, 3], tsdf[3, 0, 5], tsdf[0, 0, 0] = 0.05, -0.1, 0.2
    arrays = {
        "sdf128": tsdf,
        "color128": np.full(tsdf.shape, 3 * 65536 + 2 * 256 + 1.0, np.float32),
        "semanticlabel": np.full(tsdf.shape, 51, np.int64),
    }
    scan = read_surface(saved(tmp_path / "a.npz", arrays))
    assert np.allclose(scan.points, [[0.08, 0.04, 0.12], [0.0, 0.12, 0.2]])
    assert scan.colors.tolist() == [[1, 2, 3], [1, 2, 3]]
    assert scan.labels.dtype == np.uint16 and scan.labels.tolist() == [20, 20]
