# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What is said about a silent camera."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from seg3d2d_ros.camera_watch import REPEAT_S, CameraPublisher, CameraWatch

IMAGE = "sensor_msgs/msg/Image"
BEST_EFFORT = CameraPublisher("/camera/driver", IMAGE, reliable=False)
RELIABLE = CameraPublisher("/camera/driver", IMAGE, reliable=True)
COMPRESSED = CameraPublisher("/camera/driver", "sensor_msgs/msg/CompressedImage", reliable=True)


def watch(*, reliable: bool = False) -> tuple[CameraWatch, SimpleNamespace]:
    clock = SimpleNamespace(time=50.0)
    return CameraWatch("/image", IMAGE, reliable=reliable, now=lambda: clock.time), clock


def test_warns_once_after_the_timeout_and_again_later():
    camera, clock = watch()
    clock.time += 4.9
    assert camera.warning(5.0, [BEST_EFFORT]) == ""
    clock.time += 0.2
    assert "no image on /image for 5 s" in camera.warning(5.0, [BEST_EFFORT])
    clock.time += REPEAT_S - 1
    assert camera.warning(5.0, [BEST_EFFORT]) == ""
    clock.time += 2
    assert camera.warning(5.0, [BEST_EFFORT])


def test_warns_again_when_the_reason_changes():
    camera, clock = watch()
    clock.time += 5
    assert "nobody publishes" in camera.warning(5.0, [])
    clock.time += 1  # it may just have appeared
    assert camera.warning(5.0, [BEST_EFFORT]) == ""
    clock.time += 4
    assert "is matched but delivers nothing" in camera.warning(5.0, [BEST_EFFORT])
    clock.time += 10
    assert camera.warning(5.0, [BEST_EFFORT]) == ""


def test_an_image_ends_the_silence_and_the_next_one_is_told_at_once():
    camera, clock = watch()
    clock.time += 6
    assert camera.warning(5.0, [])
    camera.image_arrived()
    assert not camera.silent_for(5.0)
    clock.time += 6
    assert camera.warning(5.0, [])


def test_timeout_of_zero_never_warns():
    camera, clock = watch()
    clock.time += 1e6
    assert not camera.silent_for(0.0)
    assert camera.warning(0.0, []) == ""


@pytest.mark.parametrize(
    ("reliable", "publishers", "expected"),
    [
        (False, [], "nobody publishes on it"),
        (False, [COMPRESSED], "publishes sensor_msgs/msg/CompressedImage on it, not sensor_msgs"),
        (True, [BEST_EFFORT], "publishes best effort, but .* qos_reliability asks for reliable"),
        (False, [BEST_EFFORT], "shared-memory segment .* FASTDDS_DEFAULT_PROFILES_FILE"),
        (False, [RELIABLE], "or set the parameters qos_reliability to reliable"),
        (True, [RELIABLE], "shared-memory segment"),
        (True, [RELIABLE, BEST_EFFORT], "shared-memory segment"),
    ],
)
def test_reason_and_remedy_fit_the_publishers(reliable, publishers, expected):
    camera, clock = watch(reliable=reliable)
    clock.time += 10
    assert re.search(expected, camera.explain(publishers))


def test_best_effort_camera_is_not_told_to_be_asked_reliably():
    camera, _ = watch()
    assert "qos_reliability" not in camera.explain([BEST_EFFORT])
