# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""This process as the consumer of a node's labels and diagnostics."""

from __future__ import annotations

import struct
import time

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image

_SPIN_S = 0.05


class Listener:
    """This process's node: takes the labels and the diagnostics.

    Attributes:
        node: to ask services with.
        arrivals: (stamp, time of arrival) of each label image, nanoseconds.
        diagnostics: newest values of the node under test.
        reports: number of diagnostics that came.
    """

    def __init__(self, label_topic: str) -> None:
        self.node = Node("listener", start_parameter_services=False)
        self._label_topic = label_topic
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.arrivals: list[tuple[int, int]] = []
        self.diagnostics: dict[str, str] = {}
        self.reports = 0
        self.node.create_subscription(Image, label_topic, self._on_label, 10, raw=True)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def spin_once(self) -> None:
        """Handle what comes next, or wait a little."""
        self._executor.spin_once(timeout_sec=_SPIN_S)

    def node_is_ready(self) -> bool:
        """Whether the node under test parses and its label topic is known here."""
        known = self.node.count_publishers(self._label_topic) > 0
        return known and self.diagnostics.get("state") == "active"

    def close(self) -> None:
        """Leave the domain."""
        self._executor.shutdown()
        self.node.destroy_node()

    def _on_label(self, data: bytes) -> None:
        now = time.time_ns()
        # CDR: four bytes of encapsulation, the second tells the byte order; then the header's stamp
        seconds, nanoseconds = struct.unpack_from("<iI" if data[1] else ">iI", data, 4)
        self.arrivals.append((seconds * 10**9 + nanoseconds, now))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.diagnostics = {entry.key: entry.value for entry in status.values}
            self.reports += 1
