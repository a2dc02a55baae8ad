# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Rooms in ScanNet's layout, byte by byte, and as public readers of PLY files see them."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from training.data.scannet.sens import SensFile
from training.rendering.layouts.sens_writer import write_sens

MATRIX = np.array([[20.0, 0, 1.5, 0], [0, 21, 0.5, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
POSE = np.array([[0, -1, 0, 2.5], [1, 0, 0, -0.25], [0, 0, 1, 1.5], [0, 0, 0, 1.0]])
DEPTH = np.array([[0, 1000], [65535, 7]], np.uint16)


@pytest.fixture
def frames(tmp_path):
    """One frame of 4x2 pixels with 2x2 depth values, as `rooms` writes it."""
    folder = tmp_path / "frames"
    for name in ("color", "depth", "pose"):
        (folder / name).mkdir(parents=True)
    cv2.imwrite(str(folder / "color/000000.jpg"), np.full((2, 4, 3), 90, np.uint8))
    cv2.imwrite(str(folder / "depth/000000.png"), DEPTH)
    np.savetxt(folder / "pose/000000.txt", POSE, fmt="%.6f")
    np.savetxt(folder / "intrinsics_color.txt", MATRIX, fmt="%.6f")
    np.savetxt(folder / "intrinsics_depth.txt", MATRIX / 2 + np.diag([0, 0, 0.5, 0.5]), fmt="%.6f")
    return folder


def test_a_recording_has_exactly_the_published_bytes(frames, tmp_path):
    jpeg = (frames / "color/000000.jpg").read_bytes()
    packed = zlib.compress(struct.pack("<4H", 0, 1000, 65535, 7))
    identity = (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
    expected = (
        struct.pack("<I", 4)  # version
        + struct.pack("<Q", 13)
        + b"seg3d2d rooms"
        + struct.pack("<16f", 20, 0, 1.5, 0, 0, 21, 0.5, 0, 0, 0, 1, 0, 0, 0, 0, 1)
        + struct.pack("<16f", *identity)
        + struct.pack("<16f", 10, 0, 0.75, 0, 0, 10.5, 0.25, 0, 0, 0, 1, 0, 0, 0, 0, 1)
        + struct.pack("<16f", *identity)
        + struct.pack("<i", 2)  # JPEG
        + struct.pack("<i", 1)  # zlib
        + struct.pack("<IIII", 4, 2, 2, 2)
        + struct.pack("<f", 1000)
        + struct.pack("<Q", 1)  # frames
        + struct.pack("<16f", 0, -1, 0, 2.5, 1, 0, 0, -0.25, 0, 0, 1, 1.5, 0, 0, 0, 1)
        + struct.pack("<QQ", 0, 0)  # times
        + struct.pack("<QQ", len(jpeg), len(packed))
        + jpeg
        + packed
        + struct.pack("<Q", 0)  # inertial measurements
    )
    write_sens(tmp_path / "scene0000_00.sens", frames)
    assert (tmp_path / "scene0000_00.sens").read_bytes() == expected


def test_the_reader_reads_exactly_these_bytes(tmp_path):
    matrices = struct.pack("<64f", *range(64))
    pose = struct.pack("<16f", *range(100, 116))
    content = (
        struct.pack("<IQ", 4, 3)
        + b"abc"
        + matrices
        + struct.pack("<iiIIIIfQ", 0, 0, 3, 1, 2, 1, 500.0, 1)
        + pose
        + struct.pack("<QQQQ", 11, 12, 9, 4)
        + b"RGBRGBRGB"
        + struct.pack("<HH", 513, 2)
        + struct.pack("<Q", 1)
        + struct.pack("<15dQ", *range(15), 5)
    )
    path = tmp_path / "scene0000_00.sens"
    path.write_bytes(content)
    with SensFile(path) as sens:
        (frame,) = sens.frames()
        header = sens.header
        read = [
            header.color_matrix,
            header.color_extrinsics,
            header.depth_matrix,
            header.depth_extrinsics,
        ]
        np.testing.assert_array_equal(np.stack(read).ravel(), range(64))
        assert (header.sensor, header.color_size, header.depth_size) == ("abc", (3, 1), (2, 1))
        assert (header.depth_scale, header.frames) == (500, 1)
        np.testing.assert_array_equal(frame.pose.ravel(), range(100, 116))
        assert (frame.color_time, frame.depth_time, frame.color) == (11, 12, b"RGBRGBRGB")
        np.testing.assert_array_equal(sens.depth_image(frame), [[513, 2]])


@pytest.fixture(scope="module")
def mesh():
    pytest.importorskip("open3d")
    from training.rendering.scan import ScannedMesh

    rng = np.random.default_rng(0)
    return ScannedMesh(
        rng.normal(0, 1, (7, 3)).astype(np.float32),
        rng.integers(0, 256, (7, 3)).astype(np.uint8),
        np.array([1, 2, 40, 0, 5, 5, 39], np.uint16),
        np.array([1, 2, 300, 0, 5, 5, 6], np.uint16),
        np.array([(0, 1, 2), (3, 4, 5), (6, 0, 3)], np.int32),
    )


@pytest.mark.parametrize(("suffix", "labelled"), [("", False), (".labels", True)])
def test_meshes_are_what_plyfile_and_trimesh_read(mesh, tmp_path, suffix, labelled):
    plyfile, trimesh = pytest.importorskip("plyfile"), pytest.importorskip("trimesh")
    from training.rendering.scan import write_scan

    write_scan(tmp_path, "scene0000_00", mesh)
    path = tmp_path / f"scene0000_00_vh_clean_2{suffix}.ply"
    read = plyfile.PlyData.read(path)
    assert not read.text and read.byte_order == "<"
    vertex = read["vertex"]
    types = {p.name: p.val_dtype for p in vertex.properties}
    colors = ("red", "green", "blue", "alpha")
    expected = dict.fromkeys("xyz", "f4") | dict.fromkeys(colors, "u1")
    assert types == expected | ({"label": "u2", "instance": "u2"} if labelled else {})
    np.testing.assert_array_equal(np.stack([vertex[k] for k in "xyz"], -1), mesh.vertices)
    np.testing.assert_array_equal(np.stack([vertex[k] for k in colors[:3]], -1), mesh.colors)
    np.testing.assert_array_equal(np.stack(list(read["face"]["vertex_indices"])), mesh.faces)
    if labelled:
        np.testing.assert_array_equal(vertex["label"], mesh.labels)
        np.testing.assert_array_equal(vertex["instance"], mesh.instances)
    loaded = trimesh.load(path, process=False, maintain_order=True)
    np.testing.assert_array_equal(loaded.vertices.astype(np.float32), mesh.vertices)
    np.testing.assert_array_equal(loaded.faces, mesh.faces)
    np.testing.assert_array_equal(loaded.visual.vertex_colors[:, :3], mesh.colors)
