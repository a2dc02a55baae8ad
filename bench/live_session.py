# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A camera, a node and this process as the consumer of its labels, over DDS on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import rclpy

from bench.frame_accounts import FrameAccounts
from bench.listener import Listener
from seg3d2d_ros.demo.processes import ModuleProcess, private_ros_environment

IMAGE_TOPIC = "/camera/image"
_START_TIMEOUT_S = 90.0
_SETTLE_TIMEOUT_S = 30.0
_DIAGNOSTICS_PERIOD_S = 0.2
_TRANSPORT_CHOICES = (
    "FASTDDS_DEFAULT_PROFILES_FILE",
    "FASTRTPS_DEFAULT_PROFILES_FILE",
    "FASTDDS_BUILTIN_TRANSPORTS",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
)


class LiveSessionError(RuntimeError):
    """A process ended early or said nothing; the message says which and what it said last."""


@dataclass(frozen=True)
class CameraSettings:
    """What the camera sends.

    Attributes:
        width: of the images, pixels.
        height: of the images, pixels.
        rate: images per second.
        frames: number of images that are measured.
        warm_up: number of images sent before them, slowly.
        transport: ``default`` or ``ours``.
    """

    width: int
    height: int
    rate: float
    frames: int
    warm_up: int
    transport: str = "ours"


@dataclass(frozen=True)
class NodeUnderTest:
    """A node that subscribes to ``image`` and reports on /diagnostics as the parse node does.

    Attributes:
        title: for tables and messages.
        label_topic: where it publishes.
        module: to run as its process.
        parameters: ROS parameters.
        arguments: of the command line before ``--ros-args``.
    """

    title: str
    label_topic: str = "/parse/label"
    module: str = "seg3d2d_ros.parse_node"
    parameters: Sequence[tuple[str, str]] = ()
    arguments: Sequence[str] = ()

    def command_line(self) -> list[str]:
        """What follows the module's name."""
        period = ("diagnostics_period", str(_DIAGNOSTICS_PERIOD_S))
        line = [*self.arguments, "--ros-args", "-r", f"image:={IMAGE_TOPIC}"]
        for name, value in (*self.parameters, period):
            line += ["-p", f"{name}:={value}"]
        return line


@dataclass
class LiveRun:
    """What was seen of one run.

    Attributes:
        warm_up: stamps of the frames sent first, nanoseconds.
        measured: stamps of the frames sent then.
        arrivals: (stamp, time of arrival) of each label image, nanoseconds.
        diagnostics: the node's last values.
        worst_delay_ms: by how much the camera was late at worst.
    """

    warm_up: list[int] = field(default_factory=list)
    measured: list[int] = field(default_factory=list)
    arrivals: list[tuple[int, int]] = field(default_factory=list)
    diagnostics: dict[str, str] = field(default_factory=dict)
    worst_delay_ms: float = 0.0

    def accounts(self) -> FrameAccounts:
        """What became of every frame, those of the warm-up among them."""
        arrived = [stamp for stamp, _ in self.arrivals]
        return FrameAccounts.collect([*self.warm_up, *self.measured], arrived, self.diagnostics)

    def latencies_ms(self) -> list[float]:
        """From the camera's stamp to the label's arrival here, of the measured frames."""
        measured = set(self.measured)
        return [(now - stamp) * 1e-6 for stamp, now in self.arrivals if stamp in measured]

    @property
    def ran(self) -> str:
        """Backend and precision that the node used."""
        return f"{self.diagnostics['backend']} {self.diagnostics['precision']}"


Watch = Callable[[Listener, ModuleProcess], bool]
"""Called again and again with the listener and the node's process, from the time the camera starts
until it has ended and this returns false, which means that nothing is under way any more."""


@contextlib.contextmanager
def private_domain() -> Iterator[None]:
    """Keep ROS in this process and its children on loopback, apart from others, and start it.

    Whatever the user has chosen as transports is taken away: the benchmarks choose themselves.
    """
    os.environ.update(private_ros_environment())
    for name in _TRANSPORT_CHOICES:
        os.environ.pop(name, None)
    rclpy.init(args=[])
    try:
        yield
    finally:
        rclpy.try_shutdown()


class LiveSession:
    """Starts a node, then a camera, and watches until every frame's fate is known.

    Args:
        node: the node under test.
        camera: what is sent to it.
        logs: folder for what the processes say.
    """

    def __init__(self, node: NodeUnderTest, camera: CameraSettings, logs: Path) -> None:
        self._node = node
        self._camera = camera
        self._logs = logs

    def run(self, watch: Watch | None = None) -> LiveRun:
        """Run it.

        Args:
            watch: what else is done meanwhile.

        Raises:
            LiveSessionError: if a process ends before it should, or the node does not settle.
        """
        listener = Listener(self._node.label_topic)
        log = self._logs / "node.log"
        try:
            with ModuleProcess(
                self._node.title, self._node.module, self._node.command_line(), log
            ) as node:
                self._wait(listener, node, listener.node_is_ready, "was not ready")
                run = self._play(listener, node, watch)
                if watch is not None:
                    self._wait(listener, node, lambda: not watch(listener, node), "did not answer")
                self._settle(listener, node)
                run.arrivals = listener.arrivals
                run.diagnostics = listener.diagnostics
                return run
        finally:
            listener.close()

    def _play(
        self,
        listener: Listener,
        node: ModuleProcess,
        watch: Watch | None,
    ) -> LiveRun:
        settings, summary = self._camera, self._logs / "camera.json"
        summary.unlink(missing_ok=True)
        options = {
            "--topic": IMAGE_TOPIC,
            "--size": f"{settings.width}x{settings.height}",
            "--rate": str(settings.rate),
            "--frames": str(settings.frames),
            "--warm-up": str(settings.warm_up),
            "--transport": settings.transport,
            "--summary": str(summary),
        }
        arguments = [word for pair in options.items() for word in pair]
        log = self._logs / "camera.log"
        with ModuleProcess("the camera", "bench.camera", arguments, log) as camera:
            while camera.exit_status is None:
                listener.spin_once()
                self._check(node)
                if watch is not None:
                    watch(listener, node)
            if camera.exit_status or not summary.exists():
                raise LiveSessionError(camera.describe_end())
        sent = json.loads(summary.read_text(encoding="utf-8"))
        return LiveRun(
            sent["warm_up_stamps_ns"], sent["stamps_ns"], worst_delay_ms=sent["worst_delay_ms"]
        )

    def _settle(self, listener: Listener, node: ModuleProcess) -> None:
        """Until the node has no frame left and says the same twice, and its labels are here."""
        seen: list[tuple[int, str, str]] = []
        first_report = listener.reports + 1  # the next one may have been made before this call

        def settled() -> bool:
            values = listener.diagnostics
            state = (listener.reports, values["received"], values["parsed"])
            if listener.reports > first_report and (not seen or seen[-1][0] < state[0]):
                seen.append(state)
            return (
                len(seen) > 1
                and seen[-1][1:] == seen[-2][1:]
                and int(values.get("pending", 0)) == 0
            )

        self._wait(listener, node, settled, "did not settle", _SETTLE_TIMEOUT_S)
        # labels may still be under way; those that never come are counted as lost
        deadline = time.monotonic() + 1.0
        while (
            len(listener.arrivals) < int(listener.diagnostics["parsed"])
            and time.monotonic() < deadline
        ):
            listener.spin_once()

    def _wait(
        self,
        listener: Listener,
        node: ModuleProcess,
        done: Callable[[], bool],
        fault: str,
        timeout_s: float = _START_TIMEOUT_S,
    ) -> None:
        deadline = time.monotonic() + timeout_s
        while not done():
            listener.spin_once()
            self._check(node)
            if time.monotonic() > deadline:
                raise LiveSessionError(
                    f"{self._node.title} {fault} within {timeout_s:.0f} s; it said last: "
                    f"{listener.diagnostics or 'nothing'}"
                )

    @staticmethod
    def _check(node: ModuleProcess) -> None:
        if node.exit_status is not None:
            raise LiveSessionError(node.describe_end())


def run_live(
    node: NodeUnderTest,
    camera: CameraSettings,
    watch: Watch | None = None,
) -> LiveRun:
    """One :class:`LiveSession` whose logs are thrown away if all goes well."""
    with tempfile.TemporaryDirectory(prefix="seg3d2d-bench-") as logs:
        return LiveSession(node, camera, Path(logs)).run(watch)
