# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time

import pytest

from seg3d2d_ros.demo.processes import ModuleProcess, private_ros_environment


def wait_for_end(process):
    deadline = time.monotonic() + 20
    while process.exit_status is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_output_and_log_are_kept_apart(tmp_path):
    log, output = tmp_path / "log", tmp_path / "output"
    with ModuleProcess("the camera", "seg3d2d_ros.cli", ["--help"], log, output) as process:
        wait_for_end(process)
    assert process.exit_status == 0
    assert output.read_text().startswith("usage: seg3d2d")
    assert log.read_text() == ""


def test_end_is_described_with_the_last_words(tmp_path):
    log = tmp_path / "log"
    with ModuleProcess("the camera", "seg3d2d_ros.cli", ["nonsense"], log) as process:
        wait_for_end(process)
    text = process.describe_end()
    assert text.startswith(f"the camera ended (2); its log {log} says last: 'seg3d2d: error:")


def test_process_ends_with_its_context(tmp_path):
    with ModuleProcess(
        "the server", "http.server", ["0", "-b", "127.0.0.1"], tmp_path / "log"
    ) as p:
        assert p.exit_status is None
    assert p.exit_status is not None


@pytest.mark.parametrize("distribution", ["humble", "jazzy"])
def test_network_is_private(monkeypatch, distribution):
    monkeypatch.setenv("ROS_DISTRO", distribution)
    environment = private_ros_environment()
    assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert (environment.get("ROS_LOCALHOST_ONLY") == "1") == (distribution == "humble")
    assert 0 < int(environment["ROS_DOMAIN_ID"]) < 102
