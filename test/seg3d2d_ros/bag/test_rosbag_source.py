# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from seg3d2d_ros.bag.frame_source import FrameSourceError, open_frame_source


def pixel_values(source):
    return [tuple(int(v) for v in frame.image[0, 0]) for frame in source]


EXPECTED = [(0, 0, 1), (1, 2, 4), (2, 4, 7)]


@pytest.mark.parametrize("plugin", ["MCAP", "SQLITE3"])
@pytest.mark.parametrize("kind", ["rgb8", "bgr8", "png"])
def test_frames_of_a_bag(make_bag, plugin, kind):
    bag = make_bag({"/camera/image": kind, "/chatter": "string"}, plugin=plugin)
    source = open_frame_source(bag)
    assert len(source) == 3
    frames = list(source)
    assert pixel_values(source) == EXPECTED  # also when read a second time
    assert [f.stamp_ns for f in frames] == [(100 + k) * 10**9 + 5 for k in range(3)]
    assert [f.name for f in frames] == ["000000", "000001", "000002"]
    assert {f.frame_id for f in frames} == {"left_optical_frame"}
    assert frames[0].image.shape == (24, 32, 3)
    assert not source.faults


@pytest.mark.parametrize("plugin", ["MCAP", "SQLITE3"])
def test_a_storage_file_is_read_without_its_folder(make_bag, plugin):
    (file,) = [
        f for f in make_bag({"/image": "rgb8"}, plugin=plugin).iterdir() if f.suffix != ".yaml"
    ]
    assert pixel_values(open_frame_source(file)) == EXPECTED


def test_jpeg_is_read_approximately(make_bag):
    values = pixel_values(open_frame_source(make_bag({"/image/compressed": "jpeg"})))
    np.testing.assert_allclose(values, EXPECTED, atol=3)


def test_raw_images_are_preferred_to_the_same_cameras_compressed_ones(make_bag):
    bag = make_bag({"/cam/image": "rgb8", "/cam/image/compressed": "jpeg", "/cam/depth": "16UC1"})
    assert open_frame_source(bag).topic == "/cam/image"
    assert open_frame_source(bag, "/cam/image/compressed").topic == "/cam/image/compressed"


def test_topic_may_leave_out_compressed(make_bag):
    bag = make_bag({"/left/image/compressed": "png", "/right/image/compressed": "png"})
    assert open_frame_source(bag, "left/image").topic == "/left/image/compressed"


def test_two_cameras_ask_for_a_choice(make_bag):
    bag = make_bag({"/left/image": "rgb8", "/right/image": "rgb8"})
    with pytest.raises(FrameSourceError, match=r"2 cameras \(/left/image, /right/image\).*--topic"):
        open_frame_source(bag)


def test_bag_without_images_lists_its_topics(make_bag):
    with pytest.raises(FrameSourceError, match=r"no image topic.*/chatter \(std_msgs/msg/String\)"):
        open_frame_source(make_bag({"/chatter": "string"}))


def test_bag_with_depth_only_says_so(make_bag):
    with pytest.raises(FrameSourceError, match=r"colour camera, only /cam/depth/image_raw"):
        open_frame_source(make_bag({"/cam/depth/image_raw": "16UC1"}))


def test_unknown_topic_lists_the_image_topics(make_bag):
    with pytest.raises(FrameSourceError, match=r"no images on /front.*: /image"):
        open_frame_source(make_bag({"/image": "rgb8"}), "front")


def test_empty_topic_is_an_error(make_bag):
    with pytest.raises(FrameSourceError, match="no message on /image"):
        open_frame_source(make_bag({"/image": [], "/chatter": "string"}))


def test_undecodable_frames_are_noted_and_left_out(make_bag):
    source = open_frame_source(make_bag({"/image/compressed": ["png", "broken", "png"]}))
    assert pixel_values(source) == [EXPECTED[0], EXPECTED[2]]
    assert [fault.name for fault in source.faults] == ["000001"]
    assert "JPEG" in source.faults[0].reason


@pytest.mark.parametrize("plugin", ["MCAP", "SQLITE3"])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.9])
def test_truncated_bag_is_one_sentence(make_bag, plugin, kept):
    bag = make_bag({"/image": "rgb8"}, plugin=plugin, frames=40)
    (file,) = [f for f in bag.iterdir() if f.suffix != ".yaml"]
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])
    for path in (bag, file):
        with pytest.raises(FrameSourceError, match=r"again") as error:
            list(open_frame_source(path))
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)


def test_missing_metadata_names_the_storage_file(make_bag):
    bag = make_bag({"/image": "rgb8"})
    (bag / "metadata.yaml").unlink()
    with pytest.raises(FrameSourceError, match=r"no metadata.yaml.*bag\.mcap.*ros2 bag reindex"):
        open_frame_source(bag)


@pytest.mark.parametrize("content", ["", "{", "version: 8", "rosbag2_bagfile_information: {}"])
def test_damaged_metadata_is_one_sentence(make_bag, content):
    bag = make_bag({"/image": "rgb8"})
    (bag / "metadata.yaml").write_text(content)
    with pytest.raises(FrameSourceError, match="can't be read"):
        open_frame_source(bag)


def test_ros1_bag_is_refused(tmp_path):
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(FrameSourceError, match="ROS 1"):
        open_frame_source(tmp_path / "old.bag")


def test_missing_rosbags_is_named(make_bag):
    bag = make_bag({"/image": "rgb8"})
    program = (
        "import sys; sys.modules['rosbags'] = None\n"
        "from seg3d2d_ros.bag.frame_source import FrameSourceError, open_frame_source\n"
        "try: open_frame_source(sys.argv[1])\n"
        "except FrameSourceError as error: print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(bag)], capture_output=True, text=True, check=True
    )
    assert "pip install rosbags" in result.stdout
