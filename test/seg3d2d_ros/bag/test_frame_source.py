# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest

from seg3d2d_ros.bag.folder_source import UnreadableImageError, read_color_image
from seg3d2d_ros.bag.frame_source import FrameSourceError, open_frame_source


def write_image(path, value=100, *, dtype=np.uint8, shape=(12, 16, 3)):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full(shape, value, dtype))
    return path


def names(source):
    return [frame.name for frame in source]


def test_images_come_in_natural_order_with_stamps_at_the_rate(tmp_path):
    for k in (10, 2, 1):
        write_image(tmp_path / f"{k}.jpg", k)
    source = open_frame_source(tmp_path, rate=20)
    frames = list(source)
    assert names(source) == ["1", "2", "10"]
    assert len(source) == 3
    assert [f.stamp_ns for f in frames] == [0, 50_000_000, 100_000_000]
    assert frames[0].frame_id == "camera_optical_frame"


def test_images_are_rgb(tmp_path):
    bgr = np.zeros((4, 6, 3), np.uint8)
    bgr[:] = (10, 20, 30)
    cv2.imwrite(str(tmp_path / "a.png"), bgr)
    (frame,) = open_frame_source(tmp_path / "a.png")
    assert frame.name == "a"
    np.testing.assert_array_equal(frame.image, bgr[..., ::-1])


def test_scannet_layout_gives_the_colour_images(tmp_path):
    for k in range(3):
        write_image(tmp_path / "color" / f"{k}.jpg")
        write_image(tmp_path / "depth" / f"{k}.png", 900, dtype=np.uint16, shape=(12, 16))
        write_image(tmp_path / "label" / f"{k}.png", 3, shape=(12, 16))
    (tmp_path / "intrinsic").mkdir()
    (tmp_path / "intrinsic" / "intrinsic_color.txt").write_text(
        "9 0 8 0\n0 9 6 0\n0 0 1 0\n0 0 0 1\n"
    )
    source = open_frame_source(tmp_path)
    assert names(source) == ["0", "1", "2"]
    assert source.calibration.k == (9, 0, 8, 0, 9, 6, 0, 0, 1)
    assert (source.calibration.width, source.calibration.height) == (16, 12)


def test_images_marked_as_colour_are_preferred(tmp_path):
    write_image(tmp_path / "frame-000001.color.png")
    write_image(tmp_path / "frame-000001.depth.png", 900, dtype=np.uint16, shape=(12, 16))
    write_image(tmp_path / "extra.png")
    assert names(open_frame_source(tmp_path)) == ["frame-000001.color"]


def test_depth_labels_and_our_outputs_are_left_out(tmp_path):
    for name in ("a.jpg", "a_label.png", "a_overlay.jpg", "b-depth.png", "mask.png", ".hidden.jpg"):
        write_image(tmp_path / name)
    write_image(tmp_path / "labelled_room.jpg")
    assert names(open_frame_source(tmp_path)) == ["a", "labelled_room"]


def test_a_single_folder_of_images_below_is_found(tmp_path):
    write_image(tmp_path / "frames" / "1.png")
    (tmp_path / "notes").mkdir()
    assert names(open_frame_source(tmp_path)) == ["1"]
    write_image(tmp_path / "more" / "1.png")
    with pytest.raises(FrameSourceError, match=r"2 folders that do; give one of them: .*frames"):
        open_frame_source(tmp_path)


def test_same_stem_twice_keeps_names_apart(tmp_path):
    for name in ("a.jpg", "a.png", "b.png"):
        write_image(tmp_path / name)
    assert names(open_frame_source(tmp_path)) == ["a.jpg", "a.png", "b"]


def test_unreadable_images_are_noted_and_left_out(tmp_path):
    good = write_image(tmp_path / "1.png", shape=(60, 80, 3))
    write_image(tmp_path / "6.png", 900, dtype=np.uint16, shape=(12, 16))
    (tmp_path / "2.png").write_bytes(good.read_bytes()[:-40])
    (tmp_path / "3.jpg").write_bytes(b"")
    (tmp_path / "4.jpg").write_text("no image")
    (tmp_path / "5.bmp").write_text("no image")
    source = open_frame_source(tmp_path)
    assert names(source) == ["1"]
    assert [f.name for f in source.faults] == ["2.png", "3.jpg", "4.jpg", "5.bmp", "6.png"]
    reasons = [f.reason for f in source.faults]
    for reason, expected in zip(
        reasons, ["cut off", "empty", "neither", "can't decode", "depth"], strict=True
    ):
        assert expected in reason
    assert names(source) == ["1"]
    assert len(source.faults) == 5  # begun anew, not added up


def test_sixteen_bit_colour_is_scaled(tmp_path):
    path = tmp_path / "deep.png"
    pixels = np.zeros((4, 4, 3), np.uint16)
    pixels[:] = (0, 257 * 100, 65535)
    cv2.imwrite(str(path), pixels)
    assert tuple(read_color_image(path)[0, 0]) == (255, 100, 0)


def test_exif_orientation_is_applied(tmp_path):
    path = write_image(tmp_path / "photo.jpg", shape=(12, 16, 3))
    exif = (  # one TIFF entry: orientation (0x0112), type SHORT, value 6 (turn right)
        b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01"
        b"\x00\x06\x00\x00\x00\x00\x00\x00"
    )
    data = path.read_bytes()
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    path.write_bytes(data[:2] + segment + data[2:])
    assert read_color_image(path).shape == (16, 12, 3)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(UnreadableImageError, match="No such file"):
        read_color_image(tmp_path / "gone.png")


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "walk.webm"
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"VP80"), 10, (64, 48)
    )
    if not writer.isOpened():
        pytest.skip("this OpenCV can't write VP8")
    for k in range(5):
        writer.write(np.full((48, 64, 3), (0, 0, 40 * k), np.uint8))
    writer.release()
    return path


def test_frames_of_a_video(video):
    source = open_frame_source(video)
    frames = list(source)
    assert len(source) == len(frames) == 5
    assert [round(f.stamp_ns / 1e8) for f in frames] == [0, 1, 2, 3, 4]
    assert [f.name for f in frames] == [f"{k:06d}" for k in range(5)]
    reds = [frame.image[..., 0].mean() for frame in frames]
    np.testing.assert_allclose(reds, [0, 40, 80, 120, 160], atol=8)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("gone", None, "does not exist"),
        ("notes.txt", "text", "no image, bag or video"),
        ("broken.mp4", "text", "no image, bag or video"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, name, content, expected):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(FrameSourceError, match=expected) as error:
        open_frame_source(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(FrameSourceError, match="holds no colour images"):
        open_frame_source(tmp_path)


def test_topic_needs_a_bag(tmp_path):
    write_image(tmp_path / "1.png")
    with pytest.raises(FrameSourceError, match="no bag"):
        open_frame_source(tmp_path, "/image")


def test_real_recordings(recordings):
    kitchen = open_frame_source(recordings / "kitchen_rgbd")
    assert len(kitchen) == 50
    assert kitchen.calibration.k[0] == 585
    first = next(iter(kitchen))
    assert (first.name, first.image.shape) == ("frame-000150.color", (480, 640, 3))
    living_room = open_frame_source(recordings / "living_room_rgbd")
    assert len(list(living_room)) == 5
    assert not living_room.faults
