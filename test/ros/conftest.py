# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Real nodes in processes of their own, met over DDS on loopback in a domain nobody else uses."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ros_client import Client
from scene import Scene


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
        if os.environ.get("ROS_DISTRO") == "humble":  # knows no discovery range
            patch.setenv("ROS_LOCALHOST_ONLY", "1")
        logs = stack.enter_context(tempfile.TemporaryDirectory(prefix="seg3d2d-ros-"))
        patch.setenv("ROS_LOG_DIR", logs)
        yield domain


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

    def newest_values(self) -> dict[str, str]:
        """The values of the newest entry that has come, without waiting; empty if none has."""
        for message in reversed(self._diagnostics):
            for status in message.status:
                if status.hardware_id == self.name:
                    return {value.key: value.value for value in status.values}
        return {}

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


@pytest.fixture(scope="module")
def scene(start_shared_node, channel_bundle):
    """A node that all tests of a module share, with its camera."""
    node = start_shared_node(
        bundle=channel_bundle.path,
        diagnostics_period=0.05,
        # nothing may be lost between camera and node: tests here count single frames
        qos_reliability="reliable",
        qos_depth=10,
        threads=1,
        overlay_alpha=0.25,
    )
    node.wait_for_log("parsing /")
    return Scene(node, channel_bundle.path)
