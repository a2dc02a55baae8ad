# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Real nodes in processes of their own, met over DDS on loopback in a domain nobody else uses."""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

DISCOVERY_TIMEOUT_S = 15.0
"""Processes find each other in 0.02 to 3 s; more is left for busy machines."""

ANSWER_TIMEOUT_S = 15.0


@pytest.fixture(scope="session")
def ros_environment():
    """Environment of a private domain on loopback, set for this process and its children."""
    pytest.importorskip("rclpy")
    with contextlib.ExitStack() as stack:
        for domain in range(1, 101):  # beyond 101 the ports are those the system hands out
            name = f"seg3d2d-test-domain-{domain}.lock"
            lock = stack.enter_context(Path(tempfile.gettempdir(), name).open("w"))
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
        else:
            pytest.fail("all ROS domains from 1 to 100 are in use by tests")
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("ROS_DOMAIN_ID", str(domain))
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        for name in ("ROS_LOCALHOST_ONLY", "ROS_STATIC_PEERS", "RMW_IMPLEMENTATION"):
            patch.delenv(name, raising=False)
        logs = stack.enter_context(tempfile.TemporaryDirectory(prefix="seg3d2d-ros-"))
        patch.setenv("ROS_LOG_DIR", logs)
        yield domain


class Inbox(list):
    """Messages of one topic in the order of arrival."""

    def __init__(self, node, message_type, topic: str, qos) -> None:
        self._node = node
        self._subscription = node.create_subscription(message_type, topic, self.append, qos)

    def stamps(self) -> list[tuple[int, int]]:
        """(sec, nanosec) of each message's header."""
        return [stamp_of(message) for message in self]

    def destroy(self) -> None:
        """Unsubscribe."""
        self._node.destroy_subscription(self._subscription)


def stamp_of(message) -> tuple[int, int]:
    """(sec, nanosec) of a message's header."""
    return message.header.stamp.sec, message.header.stamp.nanosec


class Client:
    """This process's side: publishes as a camera, subscribes and calls as consumers do."""

    def __init__(self, context) -> None:
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.node import Node

        self.node = Node("client", context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)

    def close(self) -> None:
        """Leave the domain."""
        self._executor.shutdown()
        self.node.destroy_node()

    def spin_until(self, condition, what: str, timeout: float = ANSWER_TIMEOUT_S) -> None:
        """Handle messages until a condition holds."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"waited {timeout} s in vain for {what}"
            self._executor.spin_once(timeout_sec=0.02)

    def spin_for(self, seconds: float) -> None:
        """Handle messages for a time, as when keeping a frame rate."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def subscribe(self, message_type, topic: str, qos=10) -> Inbox:
        """Subscribe; messages come in while spinning."""
        return Inbox(self.node, message_type, topic, qos)

    def camera(self, topic: str, **options) -> Camera:
        """Start a camera on a topic that somebody subscribes to."""
        return Camera(self, topic, **options)

    def call(self, service_type, name: str, **fields):
        """Response of a service."""
        client = self.node.create_client(service_type, name)
        try:
            self.spin_until(client.service_is_ready, f"service {name}", DISCOVERY_TIMEOUT_S)
            future = client.call_async(service_type.Request(**fields))
            self.spin_until(future.done, f"an answer of {name}")
            return future.result()
        finally:
            self.node.destroy_client(client)


class Camera:
    """A camera driver in this process."""

    def __init__(self, client: Client, topic: str, *, message_type=None, reliable=True) -> None:
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import Image

        reliability = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
        qos = QoSProfile(depth=10, reliability=reliability)
        self._client = client
        self._stamp_ns = 1_700_000_000_000_000_000
        self._publisher = client.node.create_publisher(message_type or Image, topic, qos)
        client.spin_until(
            self._publisher.get_subscription_count, f"a subscriber on {topic}", DISCOVERY_TIMEOUT_S
        )

    def message(self, pixels: np.ndarray, encoding: str = "rgb8", *, now: bool = False, **changes):
        """Image message of (H, W, channels) uint8; stamped 1 s after the last, or with now."""
        from sensor_msgs.msg import Image

        self._stamp_ns += 1_000_000_000
        stamp_ns = self._client.node.get_clock().now().nanoseconds if now else self._stamp_ns
        message = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding)
        message.step = pixels[0].nbytes
        message.data = array.array("B", pixels.tobytes())
        message.header.frame_id = "camera_color_optical_frame"
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        for name, value in changes.items():
            setattr(message, name, value)
        return message

    def publish(self, message) -> tuple[int, int]:
        """Publish a message. Returns its stamp."""
        self._publisher.publish(message)
        return stamp_of(message)

    def destroy(self) -> None:
        """Unplug the camera."""
        self._client.node.destroy_publisher(self._publisher)


class NodeProcess:
    """The parse node in a process of its own.

    Attributes:
        process: the process.
        name: fully qualified name of the node.
    """

    def __init__(
        self, client: Client, repository: Path, log: Path, namespace: str, parameters: dict
    ) -> None:
        from diagnostic_msgs.msg import DiagnosticArray

        self.client = client
        self.namespace = f"/{namespace}"
        self.name = f"/{namespace}/parse"
        self._log = log
        self._diagnostics = client.subscribe(DiagnosticArray, "/diagnostics", 50)
        arguments = ["--ros-args", "-r", f"__ns:={self.namespace}"]
        for name, value in parameters.items():
            text = str(value).lower() if isinstance(value, bool) else value
            arguments += ["-p", f"{name}:={text}"]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "seg3d2d_ros.parse_node", *arguments],
                cwd=repository,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def log(self) -> str:
        """What the node has said so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_for_log(self, pattern: str, timeout: float = 30.0) -> str:
        """Wait until the node has said something; returns the text found."""
        found: list[str] = []

        def said() -> bool:
            match = re.search(pattern, self.log())
            found.extend([match.group()] if match else [])
            assert match or self.process.poll() is None, f"the node has ended:\n{self.log()}"
            return bool(match)

        self.client.spin_until(said, f"'{pattern}' in the node's log", timeout)
        return found[0]

    def status(self):
        """The newest entry on /diagnostics, made after this call."""
        self._diagnostics.clear()
        statuses: list = []

        def arrived() -> bool:
            statuses[:] = [
                s for m in self._diagnostics for s in m.status if s.hardware_id == self.name
            ]
            return len(statuses) > 1  # the first may have been under way already

        self.client.spin_until(arrived, f"diagnostics of {self.name}")
        return statuses[-1]

    def values(self) -> dict[str, str]:
        """The values of :meth:`status`."""
        return {value.key: value.value for value in self.status().values}

    def counts(self) -> dict[str, int]:
        """Frames by fate, once none is pending; checks that every frame is accounted for."""
        values: dict[str, str] = {}

        def settled() -> bool:
            values.update(self.values())
            return values["pending"] == "0"

        self.client.spin_until(settled, "all frames to be done")
        drops = {k[8:]: int(v) for k, v in values.items() if k.startswith("dropped_")}
        assert int(values["received"]) == int(values["parsed"]) + sum(drops.values())
        return {"received": int(values["received"]), "parsed": int(values["parsed"]), **drops}

    def change_state(self, label: str) -> bool:
        """Ask for a lifecycle transition. Returns whether it succeeded."""
        from lifecycle_msgs.msg import Transition
        from lifecycle_msgs.srv import ChangeState

        name = f"{self.name}/change_state"
        return self.client.call(ChangeState, name, transition=Transition(label=label)).success

    def state(self) -> str:
        """Label of the lifecycle state."""
        from lifecycle_msgs.srv import GetState

        return self.client.call(GetState, f"{self.name}/get_state").current_state.label

    def set_parameters(self, **values) -> list[str]:
        """Set parameters. Returns the reasons of those that were refused."""
        from rcl_interfaces.srv import SetParameters
        from rclpy.parameter import Parameter

        parameters = [Parameter(k, value=v).to_parameter_msg() for k, v in values.items()]
        name = f"{self.name}/set_parameters"
        response = self.client.call(SetParameters, name, parameters=parameters)
        return [result.reason for result in response.results if not result.successful]

    def end(self, number: int = signal.SIGTERM, timeout: float = 10.0) -> int:
        """Send a signal and wait. Returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout)

    def reap(self) -> None:
        """Make sure that the process is gone."""
        self._diagnostics.destroy()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@pytest.fixture(scope="session")
def client(ros_environment):
    """This process's node, with the shared-memory settings that cameras are told to use."""
    import rclpy

    from seg3d2d_ros.transport import transport_environment

    with pytest.MonkeyPatch.context() as patch:
        # for the camera here only: the node under test must find its own
        for name, value in transport_environment(os.environ, Path.cwd()).items():
            patch.setenv(name, value)
        context = rclpy.Context()
        rclpy.init(context=context, domain_id=ros_environment)
        made = Client(context)
    yield made
    made.close()
    rclpy.shutdown(context=context)


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory):
    """Folder of the nodes' logs."""
    return tmp_path_factory.mktemp("nodes")


def _starter(client, repository, folder):
    nodes: list[NodeProcess] = []

    def start(**parameters) -> NodeProcess:
        number = len(list(folder.iterdir()))
        log = folder / f"node{number}.log"
        nodes.append(NodeProcess(client, repository, log, f"test{number}", parameters))
        return nodes[-1]

    yield start
    for node in nodes:
        node.reap()


@pytest.fixture
def start_node(client, repository, node_folder):
    """Function that starts a parse node with parameters; it ends with the test."""
    yield from _starter(client, repository, node_folder)


@pytest.fixture(scope="module")
def start_shared_node(client, repository, node_folder):
    """As ``start_node``, for nodes that a module's tests share."""
    yield from _starter(client, repository, node_folder)
