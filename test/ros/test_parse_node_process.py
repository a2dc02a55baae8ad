# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The node as a process: lifecycle, start and end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import Image
from std_msgs.msg import String

pytestmark = pytest.mark.ros

IMAGE = np.zeros((48, 64, 3), np.uint8)
EXIT_TIMEOUT_S = 5.0
"""The node takes 2 s at most; this leaves some for a busy machine."""


def test_lifecycle(start_node, channel_bundle, client):
    node = start_node(autostart=False, bundle="no-such-model", diagnostics_period=0.05, threads=1)
    node.wait_for_log("waiting to be configured")
    assert node.state() == "unconfigured"

    # a model that can't be used: FAILURE, the reason in log and diagnostics, and another try
    assert node.change_state("configure") is False
    assert node.state() == "unconfigured"
    node.wait_for_log(r"can't be configured: no model bundle 'no-such-model'")
    status = node.status()
    assert status.level == DiagnosticStatus.ERROR
    assert "no model bundle 'no-such-model'" in status.message
    assert node.set_parameters(bundle=str(channel_bundle.path), label_groups="no-such-groups") == []
    assert node.change_state("configure") is False
    node.wait_for_log("no label groups 'no-such-groups'")
    assert node.set_parameters(label_groups="", backend="onnxruntime") == []
    assert node.change_state("configure") is True
    assert node.state() == "inactive"

    # configured: the label info comes, but nobody listens to the camera
    infos = client.subscribe(String, f"{node.name}/label_info_yaml")
    client.spin_until(lambda: infos, "the label info of an inactive node")
    assert client.node.count_subscribers(f"{node.namespace}/image") == 0

    assert node.change_state("activate") is True
    labels = client.subscribe(Image, f"{node.name}/label")
    camera = client.camera(f"{node.namespace}/image")

    def labelled() -> bool:
        camera.publish(camera.message(IMAGE))
        client.spin_for(0.05)
        return bool(labels)

    client.spin_until(labelled, "a label")
    assert node.change_state("deactivate") is True
    client.spin_until(
        lambda: not client.node.count_subscribers(f"{node.namespace}/image"), "unsubscription"
    )
    counts = node.counts()
    labels.clear()
    camera.publish(camera.message(IMAGE))
    assert node.counts() == counts
    assert not labels

    assert node.change_state("activate") is True
    client.spin_until(labelled, "a label after the second activation")
    assert node.counts()["parsed"] > counts["parsed"]
    assert node.change_state("deactivate") is True
    assert node.change_state("cleanup") is True
    client.spin_until(
        lambda: not client.node.count_publishers(f"{node.name}/label"), "removal of the topics"
    )
    assert node.change_state("activate") is False  # there is no model
    assert node.state() == "unconfigured"
    assert node.change_state("configure") is True
    assert node.change_state("activate") is True
    assert node.change_state("shutdown") is True
    assert node.state() == "finalized"
    assert node.end(timeout=EXIT_TIMEOUT_S) == 0
    camera.destroy()


def test_a_transition_that_the_state_does_not_allow_does_not_end_the_node(
    start_node, channel_bundle, ros_environment
):
    node = start_node(bundle=channel_bundle.path)
    node.wait_for_log("parsing /")
    assert node.change_state("configure") is False
    assert node.state() == "active"


def test_errors_of_the_middleware_while_spinning_are_logged():
    from seg3d2d_ros.lifecycle import RCLError, spin_once

    class Executor:
        """As rclpy of Humble and Jazzy behaves then; the one installed here answers."""

        def spin_once(self, timeout_sec):
            raise RCLError(f"no transition\nfrom active, {timeout_sec}")

    class Node:
        logged: list[str]

        def get_logger(self):
            return self

        def error(self, text):
            self.logged = [text]

    node = Node()
    spin_once(Executor(), node, 0.5)
    assert node.logged == ["request not fulfilled: no transition from active, 0.5"]


def test_autostart_with_a_bad_model_keeps_the_node_for_another_try(start_node, channel_bundle):
    node = start_node(bundle="/no/such/folder", diagnostics_period=0.05)
    node.wait_for_log(r"can't be configured: no model bundle '/no/such/folder'")
    assert node.state() == "unconfigured"
    assert node.status().level == DiagnosticStatus.ERROR
    assert node.set_parameters(bundle=str(channel_bundle.path)) == []
    assert node.change_state("configure") is True
    assert node.end(signal.SIGINT, EXIT_TIMEOUT_S) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "qos_depth:=0"], "Parameter qos_depth out of range. Min: 1, Max: 1000"),
        (["-p", "precision:=fp8"], "parameter 'precision' is 'fp8', but must be one of auto"),
        (["-p", "threads:=two"], "threads"),
        (["--params-file", "/no/such/file.yaml"], "/no/such/file.yaml"),
    ],
)
def test_wrong_arguments_end_the_start_with_one_line(
    ros_environment, repository, arguments, message
):
    ended = subprocess.run(
        [sys.executable, "-m", "seg3d2d_ros.parse_node", "--ros-args", *arguments],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    lines = [
        line for line in ended.stderr.splitlines() if line.startswith("parse_node can't start")
    ]
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (signal.SIGINT, None),
        (signal.SIGTERM, None),
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGINT),
    ],
)
def test_signals_end_the_node_while_it_parses(start_node, bundle_path, client, first, second):
    node = start_node(bundle=bundle_path, diagnostics_period=0.05, threads=1)
    node.wait_for_log("parsing /")
    camera = client.camera(f"{node.namespace}/image")
    labels = client.subscribe(Image, f"{node.name}/label")
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)

    def flooded() -> bool:
        for _ in range(5):
            camera.publish(camera.message(image))
        client.spin_for(0.005)
        return len(labels) > 5

    client.spin_until(flooded, "labels")
    node.process.send_signal(first)
    if second is not None:
        node.process.send_signal(second)
    assert node.process.wait(EXIT_TIMEOUT_S) == 0
    camera.destroy()
    assert "Traceback" not in node.log()
    assert "RCLError" not in node.log()


def test_a_signal_during_the_imports_ends_it_without_a_traceback(repository, tmp_path):
    """As when a launch file ends at once. The imports are made slow here."""
    package = tmp_path / "seg3d2d_ros"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parse_node.py").write_text(
        "import time\nprint('at it', flush=True)\ntime.sleep(30)\n"
    )
    node = subprocess.Popen(
        [sys.executable, str(repository / "scripts" / "parse_node")],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert node.stdout.readline() == "at it\n"
        node.send_signal(signal.SIGINT)
        _, errors = node.communicate(timeout=10)
    finally:
        node.kill()
    assert errors == "" and node.returncode == -signal.SIGINT
