# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's own ROS 2 node: it only listens."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

from seg3d2d_ros.demo.observations import Observations
from seg3d2d_ros.image_codec import decode_image
from seg3d2d_ros.transport import keep_freed_memory

_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.RELIABLE)


class Observer:
    """Listens to a camera and a parse node and notes what comes.

    Args:
        image_topic: the camera's images.
        node_name: fully qualified name of the parse node.
        observations: where to note it.

    Attributes:
        diagnostics: newest values of the node on /diagnostics, empty before the first.
        fault: what the node says if its state is an error, else empty.
    """

    def __init__(self, image_topic: str, node_name: str, observations: Observations) -> None:
        keep_freed_memory(os.environ)
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node("demo_observer")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._image_topic = image_topic
        self._node_name = node_name
        self._observations = observations
        self.diagnostics: dict[str, str] = {}
        self.fault = ""
        subscribe = self._node.create_subscription
        subscribe(Image, image_topic, self._on_image, _QOS)
        subscribe(Image, f"{node_name}/label", self._on_label, _QOS)
        subscribe(Image, f"{node_name}/overlay", self._on_overlay, _QOS)
        subscribe(DiagnosticArray, "/diagnostics", self._on_diagnostics, _QOS)

    @property
    def node_is_active(self) -> bool:
        """Whether the parse node says so."""
        return self.diagnostics.get("state") == "active"

    @property
    def listeners(self) -> int:
        """Number of subscriptions on the camera's images, our own among them."""
        return int(self._node.count_subscribers(self._image_topic))

    def spin(self, seconds: float) -> None:
        """Take messages for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def close(self) -> None:
        """Leave ROS."""
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown()

    def _on_label(self, message: Any) -> None:
        latency_s = (self._node.get_clock().now().nanoseconds - _stamp_ns(message)) * 1e-9
        dtype = np.uint16 if message.encoding == "mono16" else np.uint8
        labels = np.frombuffer(message.data, dtype).reshape(message.height, message.width)
        self._observations.add_labels(labels, latency_s, time.monotonic())

    def _on_image(self, message: Any) -> None:
        self._observations.add_image(_stamp_ns(message), decode_image(message))

    def _on_overlay(self, message: Any) -> None:
        self._observations.add_overlay(_stamp_ns(message), decode_image(message))

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            if status.hardware_id == self._node_name:
                self.diagnostics = {entry.key: entry.value for entry in status.values}
                self.fault = status.message if status.level == DiagnosticStatus.ERROR else ""


def _stamp_ns(message: Any) -> int:
    stamp = message.header.stamp
    return int(stamp.sec * 1_000_000_000 + stamp.nanosec)
