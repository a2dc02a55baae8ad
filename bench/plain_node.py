# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The node that one writes first: everything in the image's callback, sensor QoS of depth 5.

It runs the same model by the same parser as the parse node, and reports on /diagnostics what the
benchmarks ask of either. What differs is what they compare: no newest-only mailbox, no thread of
its own, decoding as cv_bridge does, and, unless ``--transport ours``, Fast DDS as it comes.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

from bench.camera import TRANSPORTS
from bench.cv_bridge_decoding import CvBridgeDecoding
from seg3d2d_ros.bundle import ModelBundle, resolve_bundle
from seg3d2d_ros.parser import ParseFailure, ParserConfig, SceneParser
from seg3d2d_ros.termination import stop_on_signals
from seg3d2d_ros.transport import prepare_transport

LABEL_TOPIC = "/plain/label"


class PlainNode(Node):
    """Decodes, parses and publishes in the callback."""

    def __init__(self) -> None:
        super().__init__("plain")
        parameters = {
            name: self.declare_parameter(name, default).value
            for name, default in (
                ("bundle", "rooms-lite0-scannet20"),
                ("precision", "auto"),
                ("diagnostics_period", 1.0),
            )
        }
        bundle = ModelBundle.load(resolve_bundle(parameters["bundle"]))
        self._parser = SceneParser(bundle, ParserConfig(precision=parameters["precision"]))
        self._decoding = CvBridgeDecoding()
        self._received = self._parsed = self._failed = 0
        self._labels = self.create_publisher(Image, "~/label", 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(parameters["diagnostics_period"], self._report)
        self.create_subscription(Image, "image", self._on_image, qos_profile_sensor_data)

    def _on_image(self, msg: Any) -> None:
        self._received += 1
        result = self._parser.parse(self._decoding.image(msg))
        if isinstance(result, ParseFailure):
            self._failed += 1
            return
        labels = Image(header=msg.header, encoding="mono8")
        labels.height, labels.width = result.labels.shape
        labels.step = labels.width
        labels.data = result.labels.tobytes()
        self._labels.publish(labels)
        self._parsed += 1

    def _report(self) -> None:
        values = {
            "state": "active",
            "bundle": self._parser.bundle.name,
            "bundle_hash": self._parser.bundle.hash,
            "backend": self._parser.backend_name,
            "precision": self._parser.precision,
            "received": self._received,
            "parsed": self._parsed,
            "dropped_error": self._failed,
        }
        status = DiagnosticStatus(name="plain", hardware_id="/plain")
        status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        self._diagnostics.publish(DiagnosticArray(status=[status]))


def main() -> int:
    """Run the node until SIGINT or SIGTERM. Returns the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--transport", choices=TRANSPORTS, required=True)
    position = sys.argv.index("--ros-args")
    arguments = parser.parse_args(sys.argv[1:position])
    stop = stop_on_signals()
    if arguments.transport == "ours":
        prepare_transport()
    rclpy.init(args=sys.argv[position:], signal_handler_options=SignalHandlerOptions.NO)
    executor = SingleThreadedExecutor()
    executor.add_node(PlainNode())
    while not stop.is_set():
        executor.spin_once(timeout_sec=0.1)
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
