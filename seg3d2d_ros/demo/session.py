# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""One run of the demo: start the processes, watch, wait, stop."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seg3d2d_ros.cli.progress import Progress
from seg3d2d_ros.demo import DemoError
from seg3d2d_ros.demo.figures import DemoFigures
from seg3d2d_ros.demo.observations import Observations
from seg3d2d_ros.demo.processes import ModuleProcess, private_ros_environment

IMAGE_TOPIC = "/camera/image"
NODE_NAME = "/parse"
_LISTENERS = 2
"""The camera begins when the parse node and the observer listen."""

_START_TIMEOUT_S = 90.0
"""For loading libraries and compiling the model on a slow, busy machine."""
_CAMERA_END_TIMEOUT_S = 20.0
_DRAIN_TIMEOUT_S = 5.0
_SPIN_S = 0.1
_DIAGNOSTICS_PERIOD_S = 0.2


@dataclass(frozen=True)
class Recording:
    """What to play.

    Attributes:
        path: of the recording.
        topic: of a bag's images, None where there is no choice.
        rate: frames per second, None as recorded.
        frames: number of frames, None for all.
    """

    path: Path
    topic: str | None
    rate: float | None
    frames: int | None


class DemoSession:
    """Plays a recording to a parse node and watches.

    SIGINT and SIGTERM end the playing early; what was seen until then counts.

    Args:
        recording: what to play.
        bundle: folder of the model bundle.
        out: folder for the processes' logs.
        observations: where to note what comes.
    """

    def __init__(
        self, recording: Recording, bundle: Path, out: Path, observations: Observations
    ) -> None:
        self._recording = recording
        self._bundle = bundle
        self._out = out
        self._observations = observations
        self._interrupted = threading.Event()

    def run(self) -> DemoFigures:
        """Run it.

        Raises:
            DemoError: if a process ends or nothing arrives.
        """
        os.environ.update(private_ros_environment())
        from seg3d2d_ros.demo.observer import Observer

        handlers = {
            number: signal.signal(number, lambda *_: self._interrupted.set())
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            return self._run(Observer)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _run(self, make_observer: Any) -> DemoFigures:
        with self._start_node() as node:
            observer = make_observer(IMAGE_TOPIC, NODE_NAME, self._observations)
            try:
                # one after the other: of two that come up at once, one may know of the other
                # seconds before the other does, and what it sends in between is lost
                self._wait_for_node(observer, node)
                with self._start_camera() as camera:
                    self._watch(observer, node, camera)
                    played = self._end_of_camera(observer, camera)
                self._drain(observer)
                diagnostics = observer.diagnostics
            finally:
                observer.close()
        if not self._observations.labels:
            raise DemoError(
                f"the parse node published nothing about {played['frames_sent']} images; see its "
                f"log {node.log}"
            )
        return DemoFigures.collect(played, diagnostics, self._observations)

    def _start_node(self) -> ModuleProcess:
        parameters = {
            "bundle": str(self._bundle.resolve()),
            "diagnostics_period": str(_DIAGNOSTICS_PERIOD_S),
        }
        arguments = ["--ros-args", "-r", f"image:={IMAGE_TOPIC}"]
        arguments += ["-r", f"camera_info:={IMAGE_TOPIC.rpartition('/')[0]}/camera_info"]
        for name, value in parameters.items():
            arguments += ["-p", f"{name}:={value}"]
        log = self._out / "parse_node.log"
        return ModuleProcess("the parse node", "seg3d2d_ros.parse_node", arguments, log)

    def _start_camera(self) -> ModuleProcess:
        recording = self._recording
        arguments = ["bag", "play", str(recording.path.resolve()), "--json"]
        arguments += ["--wait-for-subscribers", str(_LISTENERS)]
        if recording.frames:
            arguments += ["--frames", str(recording.frames)]
        if recording.topic:
            arguments += ["--topic", recording.topic]
        if recording.rate:
            arguments += ["--rate", str(recording.rate)]
        self._summary = self._out / "camera.json"
        self._summary.unlink(missing_ok=True)
        log = self._out / "camera.log"
        return ModuleProcess("the camera", "seg3d2d_ros.cli", arguments, log, self._summary)

    def _wait_for_node(self, observer: Any, node: ModuleProcess) -> None:
        waiting = Progress("starting the parse node, seconds", 0)
        start = time.monotonic()
        while not (observer.node_is_active and observer.listeners >= _LISTENERS):
            observer.spin(_SPIN_S)
            waited = time.monotonic() - start
            waiting.update(round(waited))
            _check(observer, node)
            if self._interrupted.is_set():
                raise KeyboardInterrupt
            if waited > _START_TIMEOUT_S:
                raise DemoError(
                    f"the parse node was not ready within {_START_TIMEOUT_S:.0f} s; see {node.log}"
                )
        waiting.finish(round(time.monotonic() - start))

    def _watch(self, observer: Any, node: ModuleProcess, camera: ModuleProcess) -> None:
        """Until the camera has ended."""
        seen = self._observations
        playing = Progress("labels", self._recording.frames or 0)
        while camera.exit_status is None and not self._interrupted.is_set():
            observer.spin(_SPIN_S)
            _check(observer, node)
            playing.update(seen.labels)
        playing.finish(seen.labels)

    def _end_of_camera(self, observer: Any, camera: ModuleProcess) -> dict[str, Any]:
        camera.interrupt()
        deadline = time.monotonic() + _CAMERA_END_TIMEOUT_S
        while camera.exit_status is None and time.monotonic() < deadline:
            observer.spin(_SPIN_S)
        try:
            played: dict[str, Any] = json.loads(self._summary.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DemoError(camera.describe_end()) from error
        return played

    def _drain(self, observer: Any) -> None:
        """Until the node has said what became of every image, and the labels are here."""
        deadline = time.monotonic() + _DRAIN_TIMEOUT_S
        observer.diagnostics = {}
        while time.monotonic() < deadline:
            observer.spin(_SPIN_S)
            counts = observer.diagnostics
            if not counts or counts["pending"] != "0":
                continue
            if self._observations.labels >= int(counts["parsed"]):
                return


def _check(observer: Any, node: ModuleProcess) -> None:
    if node.exit_status is not None:
        raise DemoError(node.describe_end())
    if observer.fault:
        raise DemoError(f"the parse node {observer.fault}")
