# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import yaml

from seg3d2d_ros.bag.camera_calibration import CameraCalibration
from seg3d2d_ros.bag.frame_source import Frame, open_frame_source
from seg3d2d_ros.bag.writer import BagWriteError, write_bag

pytest.importorskip("rosbags")

CALIBRATION = CameraCalibration(64, 48, (60, 0, 31.5, 0, 61, 23.5, 0, 0, 1))


def frames(count=4):
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    for k in range(count):
        image = np.stack([np.broadcast_to(np.roll(ramp, k), (48, 64))] * 3, axis=2)
        yield Frame(7 + k * 10**8, np.ascontiguousarray(image), str(k), "left_optical_frame")


def test_written_bag_reads_back(tmp_path):
    folder = tmp_path / "new" / "walk"
    assert write_bag(folder, frames(), CALIBRATION) == 4
    assert sorted(f.name for f in folder.iterdir()) == ["metadata.yaml", "walk.mcap"]
    source = open_frame_source(folder)
    assert source.calibration == CALIBRATION
    read = list(source)
    assert [f.stamp_ns - read[0].stamp_ns for f in read] == [0, 10**8, 2 * 10**8, 3 * 10**8]
    for frame, original in zip(read, frames(), strict=True):
        assert frame.frame_id == "left_optical_frame"
        assert np.abs(frame.image.astype(int) - original.image).mean() < 3
    assert list(folder.parent.iterdir()) == [folder]


def test_metadata_are_of_version_8_without_qos(tmp_path):
    write_bag(tmp_path / "walk", frames())
    metadata = yaml.safe_load((tmp_path / "walk" / "metadata.yaml").read_text())
    information = metadata["rosbag2_bagfile_information"]
    assert information["version"] == 8
    assert information["storage_identifier"] == "mcap"
    (topic,) = information["topics_with_message_count"]
    assert topic["topic_metadata"]["offered_qos_profiles"] == ""
    assert topic["message_count"] == 4


def test_same_frames_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_bag(tmp_path / name / "walk", frames(), CALIBRATION)
    read = [(tmp_path / name / "walk" / "walk.mcap").read_bytes() for name in ("a", "b")]
    assert read[0] == read[1]


def test_existing_folder_is_left_alone(tmp_path):
    with pytest.raises(BagWriteError, match="exists already"):
        write_bag(tmp_path, frames())


def test_nothing_is_left_without_frames(tmp_path):
    with pytest.raises(BagWriteError, match="no frames"):
        write_bag(tmp_path / "walk", [])
    assert not list(tmp_path.iterdir())
