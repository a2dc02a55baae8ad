# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip("trimesh")
pytest.importorskip("plyfile")

import plyfile

from training.data.defects import DefectError, DefectKind
from training.data.scan import Scan, read_ply, write_ply


def scan(faces=True, labels=True):
    rng = np.random.default_rng(3)
    return Scan(
        rng.normal(size=(60, 3)).astype(np.float32),
        rng.integers(0, 256, (60, 3)).astype(np.uint8),
        rng.integers(0, 65536, 60).astype(np.uint16) if labels else None,
        rng.integers(0, 2**32, 60).astype(np.uint32) if labels else None,
        rng.integers(0, 60, (40, 3)).astype(np.int32) if faces else None,
    )


@pytest.mark.parametrize("faces", [True, False])
@pytest.mark.parametrize("labels", [True, False])
def test_a_scan_reads_back_and_plyfile_reads_the_same(tmp_path, faces, labels):
    written = scan(faces, labels)
    write_ply(tmp_path / "a.ply", written)
    back = read_ply(tmp_path / "a.ply")
    for name, value in vars(written).items():
        other = getattr(back, name)
        if value is None:
            assert other is None
        else:
            assert other.dtype == value.dtype and np.array_equal(other, value), name
    foreign = plyfile.PlyData.read(tmp_path / "a.ply")
    vertex = foreign["vertex"]
    assert np.array_equal(np.stack([vertex[k] for k in "xyz"], -1), written.points)
    assert np.array_equal(np.stack([vertex[k] for k in ("red", "green", "blue")], -1), back.colors)
    if labels:
        assert np.array_equal(vertex["label"], written.labels)
        assert np.array_equal(vertex["instance"], written.instances)
    if faces:
        assert np.array_equal(np.stack(foreign["face"]["vertex_indices"]), written.faces)


@pytest.mark.parametrize("text", [True, False])
def test_files_of_plyfile_are_read_text_and_binary(tmp_path, text):
    written = scan()
    vertex = np.empty(60, [(k, "f4") for k in "xyz"] + [("label", "u2")])
    for k, name in enumerate("xyz"):
        vertex[name] = written.points[:, k]
    vertex["label"] = written.labels
    element = plyfile.PlyElement.describe(vertex, "vertex")
    plyfile.PlyData([element], text=text).write(tmp_path / "b.ply")
    back = read_ply(tmp_path / "b.ply")
    assert np.allclose(back.points, written.points, atol=1e-5)
    assert np.array_equal(back.labels, written.labels)
    assert back.faces is None and back.instances is None and not back.colors.any()


def test_damaged_files_are_one_sentence(tmp_path):
    write_ply(tmp_path / "whole.ply", scan())
    content = (tmp_path / "whole.ply").read_bytes()
    for name, damaged in {
        "cut": content[: len(content) // 2],
        "cut_after_points": content[: -40 * 13],
        "no_ply": b"solid cube\n" * 20,
        "empty": b"",
        "headless": content[: content.index(b"end_header")],
        "points": b"ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nproperty float y\n"
        b"property float z\nend_header\n",
    }.items():
        path = tmp_path / f"{name}.ply"
        path.write_bytes(damaged)
        with pytest.raises(DefectError) as caught:
            read_ply(path)
        assert caught.value.kind is DefectKind.DAMAGED_FILE, name
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(DefectError, match=r"missing\.ply can't be read"):
        read_ply(tmp_path / "missing.ply")


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_coordinates_that_are_no_numbers_are_refused(tmp_path, value):
    damaged = scan()
    damaged.points[[5, 9], 2] = value
    write_ply(tmp_path / "c.ply", damaged)
    with pytest.raises(DefectError, match=r"c\.ply: .* of 2 points are .*, the first is point 5"):
        read_ply(tmp_path / "c.ply")


def test_faces_of_points_that_are_not_there_are_refused(tmp_path):
    good = scan()
    faces = good.faces.copy()
    faces[7, 1] = 60
    write_ply(tmp_path / "c.ply", Scan(good.points, good.colors, None, None, faces))
    with pytest.raises(DefectError, match="points that are not there"):
        read_ply(tmp_path / "c.ply")
