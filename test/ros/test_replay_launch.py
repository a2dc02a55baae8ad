# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``replay.launch.py`` for real, where ROS's launch is installed and the package as well.

In a ROS workspace that is so after ``colcon build`` and ``source install/setup.bash``.
"""

from __future__ import annotations

import signal
import subprocess
import sys

import cv2
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("launch_ros", reason="launch is a part of ROS and on no package index")
pytest.importorskip("rosbags")

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from sensor_msgs.msg import Image

from seg3d2d_ros.bag.frame_source import open_frame_source
from seg3d2d_ros.parser import ParserConfig, SceneParser

pytestmark = pytest.mark.ros

LAUNCH = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

file, *words = sys.argv[1:]
arguments = [tuple(word.split(":=", 1)) for word in words]
service = LaunchService()
service.include_launch_description(LaunchDescription([
    IncludeLaunchDescription(PythonLaunchDescriptionSource(file), launch_arguments=arguments)
]))
sys.exit(service.run())
"""


@pytest.fixture
def launched(ros_environment, repository):
    """Function that starts the launch file with arguments; it ends with the test."""
    try:
        get_package_prefix("seg3d2d")
    except PackageNotFoundError:
        pytest.skip("the package seg3d2d is not installed in a ROS workspace")
    started = []

    def start(**arguments):
        words = [f"{name}:={value}" for name, value in arguments.items()]
        file = str(repository / "launch" / "replay.launch.py")
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, file, *words],
            cwd="/",  # the checkout's folder launch/ would be taken for the package
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


@pytest.fixture
def folder(repository, tmp_path):
    """Some pictures as PNG."""
    for k, frame in enumerate(open_frame_source(repository / "recordings" / "living_room")):
        if k % 15 == 0:
            cv2.imwrite(str(tmp_path / f"{k:03d}.png"), frame.image[..., ::-1])
    return tmp_path


def test_a_recording_is_played_to_the_node_until_its_end(client, launched, folder, channel_bundle):
    labels = client.subscribe(Image, "/launched/parse/label")
    process = launched(bag=folder, rate=2, bundle=channel_bundle.path, namespace="launched")
    client.spin_until(lambda: process.poll() is not None, "the end of the recording", 90)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert "5 frames sent" in output
    parser = SceneParser(channel_bundle, ParserConfig(threads=1))
    expected = {parser.parse(f.image).labels.tobytes() for f in open_frame_source(folder)}
    assert labels and {bytes(label.data) for label in labels} <= expected
    labels.destroy()


def test_a_bag_that_cannot_be_played_ends_it_with_the_reason(
    client, launched, folder, channel_bundle
):
    process = launched(bag=folder / "none", bundle=channel_bundle.path, namespace="launched")
    client.spin_until(lambda: process.poll() is not None, "the end", 90)
    output, _ = process.communicate()
    assert f"seg3d2d: {folder / 'none'} does not exist; give a bag" in output
    player = [line for line in output.splitlines() if line.startswith("[seg3d2d-")]
    assert player and "Traceback" not in "".join(player)


def test_the_arguments_of_the_parse_launch_file_are_listed_as_well(launched, repository):
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    from launch import LaunchContext

    source = PythonLaunchDescriptionSource(str(repository / "launch" / "replay.launch.py"))
    listed = source.get_launch_description(LaunchContext()).get_launch_arguments()
    assert {"bag", "bundle", "device"} <= {argument.name for argument in listed}
