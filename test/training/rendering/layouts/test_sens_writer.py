# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings of rooms, read by a second reader that is written from the published layout."""

from __future__ import annotations

import struct
import zipfile
import zlib

import cv2
import numpy as np
import pytest

from training.rendering.layouts import sens_writer
from training.rendering.layouts.sens_writer import write_label_archive, write_sens

COLOR, DEPTH = (40, 30), (20, 15)


def matrix_of(size):
    width, height = size
    return np.array(
        [[50.5, 0, width / 2 - 0.5, 0], [0, 50.25, height / 2 - 0.5, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    )


@pytest.fixture
def frames(tmp_path):
    """A finished scene of three frames."""
    folder = tmp_path / "scannet_frames_25k" / "scene0000_00"
    rng = np.random.default_rng(0)
    for name in ("color", "depth", "label", "pose"):
        (folder / name).mkdir(parents=True)
    for number in range(3):
        stem = f"{number:06d}"
        cv2.imwrite(
            str(folder / f"color/{stem}.jpg"),
            rng.integers(0, 256, (*COLOR[::-1], 3)).astype(np.uint8),
        )
        depth = rng.integers(0, 65536, DEPTH[::-1]).astype(np.uint16)
        cv2.imwrite(str(folder / f"depth/{stem}.png"), depth)
        label = rng.integers(0, 41, COLOR[::-1]).astype(np.uint8)
        cv2.imwrite(str(folder / f"label/{stem}.png"), label)
        pose = np.eye(4)
        pose[:3, 3] = rng.normal(0, 3, 3)
        np.savetxt(folder / f"pose/{stem}.txt", pose, fmt="%.6f")
    np.savetxt(folder / "intrinsics_color.txt", matrix_of(COLOR), fmt="%.6f")
    np.savetxt(folder / "intrinsics_depth.txt", matrix_of(DEPTH), fmt="%.6f")
    return folder


def parse(content):
    """Header values and frames of a recording; fails where a byte is over or missing."""
    at = 0

    def take(layout):
        nonlocal at
        values = struct.unpack_from("<" + layout, content, at)
        at += struct.calcsize("<" + layout)
        return values

    (version, length) = take("IQ")
    (name,) = take(f"{length}s")
    matrices = [np.reshape(take("16f"), (4, 4)) for _ in range(4)]
    compression, sizes, (shift,), (count,) = take("2i"), take("4I"), take("f"), take("Q")
    frames = []
    for _ in range(count):
        pose = np.reshape(take("16f"), (4, 4))
        color_time, depth_time, color, depth = take("4Q")
        (color_bytes,), (depth_bytes,) = take(f"{color}s"), take(f"{depth}s")
        frames.append((pose, color_time, depth_time, color_bytes, depth_bytes))
    (measurements,) = take("Q")
    take(f"{measurements * 16}Q")
    assert at == len(content)
    return (version, name, matrices, compression, sizes, shift, measurements), frames


def test_another_reader_finds_the_frames(frames, tmp_path):
    path = tmp_path / "scene0000_00.sens"
    write_sens(path, frames)
    header, read = parse(path.read_bytes())
    version, name, matrices, compression, sizes, shift, measurements = header
    assert (version, name, compression, sizes) == (4, b"seg3d2d rooms", (2, 1), (*COLOR, *DEPTH))
    assert (shift, measurements, len(read)) == (1000, 0, 3)
    expected = (matrix_of(COLOR), np.eye(4), matrix_of(DEPTH), np.eye(4))
    np.testing.assert_allclose(matrices, expected, atol=1e-5)
    for number, (pose, color_time, depth_time, color, depth) in enumerate(read):
        stem = f"{number:06d}"
        assert color_time == depth_time == number * 66666
        assert color == (frames / f"color/{stem}.jpg").read_bytes()
        values = np.frombuffer(zlib.decompress(depth), "<u2").reshape(DEPTH[::-1])
        stored = cv2.imread(str(frames / f"depth/{stem}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(values, stored)
        np.testing.assert_allclose(pose, np.loadtxt(frames / f"pose/{stem}.txt"), atol=1e-6)


def test_label_images_are_16_bit_and_numbered_as_frames(frames, tmp_path):
    path = tmp_path / "scene0000_00_2d-label-filt.zip"
    write_label_archive(path, frames)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"label-filt/{k}.png" for k in range(3)]
        for number in range(3):
            content = np.frombuffer(archive.read(f"label-filt/{number}.png"), np.uint8)
            label = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
            stored = cv2.imread(str(frames / f"label/{number:06d}.png"), cv2.IMREAD_UNCHANGED)
            assert label.dtype == np.uint16
            np.testing.assert_array_equal(label, stored)


def test_the_same_frames_give_the_same_bytes(frames, tmp_path):
    for write, name in ((write_sens, "a.sens"), (write_label_archive, "a.zip")):
        write(tmp_path / name, frames)
        first = (tmp_path / name).read_bytes()
        write(tmp_path / name, frames)
        assert (tmp_path / name).read_bytes() == first


def test_a_recording_that_fails_leaves_nothing_behind(frames, tmp_path, monkeypatch):
    path = tmp_path / "scans" / "scene0000_00.sens"
    path.parent.mkdir()
    real, calls = sens_writer.zlib.compress, []

    class Full:
        @staticmethod
        def compress(content):
            calls.append(content)
            if len(calls) == 2:
                raise OSError(28, "No space left on device")
            return real(content)

    monkeypatch.setattr(sens_writer, "zlib", Full)
    with pytest.raises(OSError, match="No space left"):
        write_sens(path, frames)
    assert len(calls) == 2 and list(path.parent.iterdir()) == []


def test_frames_that_became_unreadable_are_named(frames, tmp_path):
    (frames / "depth/000001.png").write_bytes(b"")
    with pytest.raises(OSError, match="000001.png can't be read back"):
        write_sens(tmp_path / "a.sens", frames)
