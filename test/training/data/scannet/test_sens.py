# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reading recordings, whole and damaged ones."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from training.data.defects import DefectError, DefectKind
from training.data.scannet.sens import ColorCompression, DepthCompression, SensFile

HEADER_BYTES = 4 + 8 + 6 + 4 * 64 + 8 + 16 + 4 + 8


def read_all(path, every=1):
    """Frames, and the error after them."""
    frames = []
    with SensFile(path) as sens:
        try:
            for frame in sens.frames(every):
                frames.append(frame)
        except DefectError as error:
            return frames, error
    return frames, None


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scene0000_00.sens"


def test_header_and_frames_are_what_was_recorded(path, files):
    recorded = files.recorded(3)
    path.write_bytes(files.sens_bytes(recorded))
    with SensFile(path) as sens:
        header = sens.header
        assert header.sensor == "sensor" and header.frames == 3 and header.depth_scale == 1000
        assert header.color_size == (64, 48) and header.depth_size == (32, 24)
        assert header.color_compression is ColorCompression.JPEG
        assert header.depth_compression is DepthCompression.ZLIB
        np.testing.assert_allclose(header.color_matrix, files.intrinsic_matrix((64, 48)))
        np.testing.assert_allclose(header.depth_matrix, files.intrinsic_matrix((32, 24)))
        np.testing.assert_array_equal(header.color_extrinsics, np.eye(4))
        np.testing.assert_array_equal(header.depth_extrinsics, np.eye(4))
        for k, frame in enumerate(sens.frames()):
            assert frame.number == k and frame.color == recorded[k][1]
            assert (frame.color_time, frame.depth_time) == (1000 * k, 1000 * k + 7)
            np.testing.assert_array_equal(frame.pose, files.pose_of(k))
            np.testing.assert_array_equal(sens.depth_image(frame), files.images_of(k)[2])
        assert k == 2


def test_every_nth_frame_skips_the_others(path, files):
    path.write_bytes(files.sens_bytes(files.recorded(7)))
    frames, error = read_all(path, 3)
    assert error is None and [frame.number for frame in frames] == [0, 3, 6]


def test_lost_poses_are_given_as_they_are(path, files):
    (_, color, depth) = files.recorded(1)[0]
    path.write_bytes(files.sens_bytes([(np.full((4, 4), -np.inf), color, depth)]))
    (frame,), error = read_all(path)
    assert error is None and (frame.pose == -np.inf).all()


def test_raw_depth_is_read(path, files):
    pose, color, packed = files.recorded(1)[0]
    raw = zlib.decompress(packed)
    path.write_bytes(files.sens_bytes([(pose, color, raw)], compression=struct.pack("<2i", 0, 0)))
    with SensFile(path) as sens:
        assert sens.header.color_compression is ColorCompression.RAW
        (frame,) = sens.frames()
        np.testing.assert_array_equal(sens.depth_image(frame), files.images_of(0)[2])


@pytest.mark.parametrize(
    ("packed", "text"),
    [
        (b"no zlib", "can't be unpacked"),
        (zlib.compress(bytes(2 * 32 * 23)), "is not 32x24 pixels of 16 bits"),
        (zlib.compress(bytes(10_000_000)), "is not 32x24 pixels of 16 bits"),
        (zlib.compress(bytes(2 * 32 * 24))[:-9], "is not 32x24 pixels of 16 bits"),
    ],
)
def test_depth_that_is_no_image_is_a_defect_of_its_frame(path, files, packed, text):
    pose, color, good = files.recorded(1)[0]
    path.write_bytes(files.sens_bytes([(pose, color, packed), (pose, color, good)]))
    with SensFile(path) as sens:
        first, second = sens.frames()
        with pytest.raises(DefectError, match=text) as caught:
            sens.depth_image(first)
        assert caught.value.kind is DefectKind.UNREADABLE_IMAGE
        assert "frame 0" in str(caught.value) and "\n" not in str(caught.value)
        assert sens.depth_image(second).shape == (24, 32)


def test_the_depth_coder_that_nobody_describes_is_named(path, files):
    path.write_bytes(files.sens_bytes(files.recorded(1), compression=struct.pack("<2i", 2, 2)))
    with SensFile(path) as sens:
        (frame,) = sens.frames()
        with pytest.raises(DefectError, match="Occipital"):
            sens.depth_image(frame)


def test_a_recording_that_ends_anywhere_gives_the_frames_before(path, files):
    whole = files.sens_bytes(files.recorded(2))
    _, color, depth = files.recorded(2)[0]
    first_end = HEADER_BYTES + 96 + len(color) + len(depth)
    second = files.recorded(2)[1]
    second_end = first_end + 96 + len(second[1]) + len(second[2])
    assert second_end + 8 + 2 * 128 == len(whole)
    for end in range(0, len(whole), 41):
        path.write_bytes(whole[:end])
        if end < HEADER_BYTES:
            with pytest.raises(DefectError, match=f"ends at byte {end}, in its header"):
                SensFile(path)
            continue
        frames, error = read_all(path)
        assert len(frames) == (end >= first_end) + (end >= second_end), end
        assert error.kind is DefectKind.DAMAGED_FILE and f"ends at byte {end}" in str(error)
        where = "the inertial" if end >= second_end else f"frame {len(frames)} of 2"
        assert where in str(error)
    path.write_bytes(whole)
    assert read_all(path)[1] is None


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"version": struct.pack("<I", 3)}, "no .sens file of version 4 .it starts with 3"),
        ({"version": b"\x89PNG"}, "no .sens file of version 4"),
        ({"name": struct.pack("<Q", 1 << 40)}, "sensor name of 1099511627776 bytes"),
        ({"compression": struct.pack("<2i", 7, 1)}, "unknown compression 7"),
        ({"compression": struct.pack("<2i", 2, -1)}, "unknown compression 2 .colour., -1"),
        ({"sizes": struct.pack("<4I", 0, 48, 32, 24)}, "images of 0x48"),
        ({"sizes": struct.pack("<4I", 64, 48, 1 << 31, 24)}, "2147483648x24"),
        ({"shift": struct.pack("<f", 0)}, "0 depth numbers a metre"),
        ({"shift": struct.pack("<f", np.nan)}, "nan depth numbers a metre"),
    ],
)
def test_a_header_that_cannot_be_is_one_sentence(path, files, changes, text):
    path.write_bytes(files.sens_bytes(files.recorded(1), **changes))
    with pytest.raises(DefectError, match=text) as caught:
        SensFile(path)
    assert caught.value.kind is DefectKind.DAMAGED_FILE and "\n" not in str(caught.value)


@pytest.mark.parametrize("count", [1, 3])
def test_a_wrong_number_of_frames_is_noticed_after_those_that_are_there(path, files, count):
    path.write_bytes(files.sens_bytes(files.recorded(2), count=struct.pack("<Q", count)))
    frames, error = read_all(path)
    assert len(frames) == min(count, 2) and error.kind is DefectKind.DAMAGED_FILE


def test_bytes_after_the_trailer_are_noticed(path, files):
    path.write_bytes(files.sens_bytes(files.recorded(2)) + b"more")
    frames, error = read_all(path)
    assert len(frames) == 2 and "has 4 bytes more" in str(error)


def test_a_frame_that_claims_to_be_huge_is_not_read(path, files):
    claims = np.eye(4).astype("<f4").tobytes() + struct.pack("<4Q", 0, 0, 1 << 60, 0)
    path.write_bytes(files.sens_bytes([], count=struct.pack("<Q", 1) + claims))
    frames, error = read_all(path)
    assert frames == [] and f"image of {1 << 60} bytes in frame 0" in str(error)


def test_memory_stays_that_of_one_frame(path, files):
    pose, _, depth = files.recorded(1)[0]
    color = bytes(10_000)
    path.write_bytes(files.sens_bytes([(pose, color, depth)] * 2000))
    assert path.stat().st_size > 20_000_000
    tracemalloc.start()
    try:
        with SensFile(path) as sens:
            assert sum(1 for _ in sens.frames()) == 2000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_missing_recording_is_named(path):
    with pytest.raises(DefectError, match="can't be read") as caught:
        SensFile(path)
    assert caught.value.kind is DefectKind.MISSING_FILE
