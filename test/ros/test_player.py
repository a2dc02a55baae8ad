# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Our own player as a camera, received in another process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")

from rclpy.qos import QoSProfile, ReliabilityPolicy
from ros_client import stamp_of
from sensor_msgs.msg import CameraInfo, Image

pytestmark = pytest.mark.ros

FRAMES = 60
# best effort as most consumers of images; deep, because this process may be kept waiting
PATIENT = QoSProfile(depth=FRAMES, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture
def start_player(ros_environment, repository):
    """Function that starts a player in a namespace of its own; it ends with the test."""
    players: list[subprocess.Popen] = []

    def start(source, *options, namespace="/played"):
        command = [sys.executable, "-m", "seg3d2d_ros.cli", "bag", "play", str(source), *options]
        players.append(
            subprocess.Popen(
                [*command, "--json", "--ros-args", "-r", f"__ns:={namespace}"],
                cwd=repository,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return players[-1]

    yield start
    for player in players:
        player.kill()
        player.communicate()


@pytest.fixture
def folder(tmp_path):
    """Numbered images: the grey value of each is ten times its number."""
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((60, 80, 3), 10 * number, np.uint8))
    (tmp_path / "camera-intrinsics.txt").write_text("70 0 39.5\n0 70 29.5\n0 0 1\n")
    return tmp_path


def report_of(player) -> dict:
    output, errors = player.communicate(timeout=30)
    assert player.returncode == 0, errors
    return json.loads(output)


@pytest.mark.parametrize("size", ["640x480", "1920x1080"])
def test_images_at_30_hz_arrive_complete(client, start_player, repository, size):
    images = client.subscribe(Image, "/played/camera/image", PATIENT)
    infos = client.subscribe(CameraInfo, "/played/camera/camera_info", PATIENT)
    player = start_player(
        repository / "recordings" / "living_room",
        *("--rate", "30", "--size", size, "--frames", str(FRAMES), "--wait-for-subscriber"),
    )
    client.spin_until(lambda: player.poll() is not None, "the player's end", 40)
    report = report_of(player)
    assert report["frames_sent"] == FRAMES
    assert report["faults"] == []
    # all of them, each of its own bytes: one image in 25 arrives with default shared memory
    assert len(images) == FRAMES
    width, height = (int(side) for side in size.split("x"))
    assert {(m.width, m.height, m.step) for m in images} == {(width, height, 3 * width)}
    assert {len(m.data) for m in images} == {3 * width * height}
    assert all(m.encoding == "rgb8" and m.header.frame_id for m in images)
    assert [stamp_of(m) for m in infos] == [stamp_of(m) for m in images]
    assert {(m.width, m.height) for m in infos} == {(width, height)}
    assert all(m.k[0] > 0 for m in infos)
    images.destroy()
    infos.destroy()


def test_frames_keep_their_order_and_time_is_the_present(client, start_player, folder):
    images = client.subscribe(Image, "/played/camera/image")
    infos = client.subscribe(CameraInfo, "/played/camera/camera_info")
    before = time.time()
    player = start_player(folder, "--rate", "20", "--wait-for-subscribers", "1")
    client.spin_until(lambda: player.poll() is not None, "the player's end", 40)
    assert report_of(player)["rate_hz"] == pytest.approx(20, rel=0.3)
    assert [m.data[0] for m in images] == [0, 10, 20, 30, 40]
    seconds = [sec + nanosec * 1e-9 for sec, nanosec in images.stamps()]
    assert before < seconds[0]
    assert seconds == sorted(seconds)
    assert seconds[-1] < time.time()
    assert list(infos[0].k) == [70, 0, 39.5, 0, 70, 29.5, 0, 0, 1]
    images.destroy()
    infos.destroy()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_loop_until_a_signal(client, start_player, folder, number):
    images = client.subscribe(Image, "/played/camera/image")
    player = start_player(folder, "--rate", "50", "--loop")
    client.spin_until(lambda: len(images) > 12, "more images than the folder holds")
    player.send_signal(number)
    assert report_of(player)["frames_sent"] > 12
    images.destroy()


def test_what_cannot_be_read_is_left_out_and_named(client, start_player, folder):
    images = client.subscribe(Image, "/played/camera/image")
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:60])
    player = start_player(folder, "--rate", "50", "--wait-for-subscriber")
    client.spin_until(lambda: player.poll() is not None, "the player's end", 40)
    output, _ = player.communicate(timeout=30)
    assert player.returncode == 1
    report = json.loads(output)
    assert report["frames_sent"] == 4
    assert [fault["name"] for fault in report["faults"]] == ["2.png"]
    assert [m.data[0] for m in images] == [0, 10, 30, 40]
    images.destroy()


def test_wrong_ros_arguments_give_one_line(start_player, folder):
    player = start_player(folder, namespace="/not a namespace")
    _, errors = player.communicate(timeout=30)
    assert player.returncode == 2
    ours = [line for line in errors.splitlines() if line.startswith("seg3d2d: ")]
    assert len(ours) == 1  # ROS itself may have warned before
    assert ours[0].startswith("seg3d2d: ROS 2 does not start: ")
    assert "Traceback" not in errors
