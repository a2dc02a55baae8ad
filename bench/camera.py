# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A camera driver as a process of its own: ``rgb8`` images at a steady rate, and which it sent.

It costs next to nothing: its messages are made before the first one is sent. Which transports it
uses is said on its command line: Fast DDS's defaults, as of a driver that sets nothing, or ours.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import threading
import time
from pathlib import Path

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from bench.recorded_images import image_size, recorded_images
from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.bag.player import CAMERA_QOS
from seg3d2d_ros.messages import image_message
from seg3d2d_ros.termination import stop_on_signals
from seg3d2d_ros.transport import prepare_transport

TRANSPORTS = ("default", "ours")
_DISTINCT_IMAGES = 12
"""More would cost memory (75 MB at 1080p) and change nothing."""
_WARM_UP_RATE = 4.0
_WARM_UP_PAUSE_S = 0.5
_POLL_S = 0.02
_LINGER_S = 0.5
"""The last image lies in our shared memory; leaving at once would take it away from its readers."""


def main() -> int:
    """Run the camera until it has sent all, or is told to end. Returns the exit status."""
    arguments = _parse_arguments()
    stop = stop_on_signals()
    if arguments.transport == "ours":
        prepare_transport()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node("camera", start_parameter_services=False)
    camera = Camera(node, arguments.topic, arguments.size, stop)
    if camera.wait_for_subscriber():
        # a node compiles its model for a new size; and it may see us later than we see it
        warm_up = camera.send(arguments.warm_up, _WARM_UP_RATE)
        stop.wait(_WARM_UP_PAUSE_S if warm_up else 0.0)
        sent = camera.send(arguments.frames, arguments.rate)
        stop.wait(_LINGER_S)
        summary = {
            "warm_up_stamps_ns": warm_up,
            "stamps_ns": sent,
            "worst_delay_ms": camera.worst_delay_s * 1e3,
        }
        write_file(arguments.summary, json.dumps(summary).encode())
    rclpy.try_shutdown()
    return 0


class Camera:
    """Sends the same few images over and over, stamped with the present time.

    Attributes:
        worst_delay_s: by how much the latest image left after it was due.
    """

    def __init__(
        self, node: Node, topic: str, size: tuple[int, int], stop: threading.Event
    ) -> None:
        self._clock = node.get_clock()
        self._stop = stop
        self._publisher = node.create_publisher(Image, topic, CAMERA_QOS)
        header = Header(frame_id="camera_optical_frame")
        images = recorded_images(_DISTINCT_IMAGES, *size)
        self._messages = itertools.cycle([image_message(header, image) for image in images])
        self.worst_delay_s = 0.0

    def wait_for_subscriber(self) -> bool:
        """Wait until someone listens; false if the process was told to end before."""
        while not self._publisher.get_subscription_count():
            if self._stop.wait(_POLL_S):
                return False
        return True

    def send(self, count: int, rate: float) -> list[int]:
        """Send images, and return their stamps in nanoseconds."""
        stamps = []
        start = time.monotonic()
        for index in range(count):
            # due times count from the start, so that delays don't add up
            due = start + index / rate
            if self._stop.wait(max(0.0, due - time.monotonic())):
                break
            self.worst_delay_s = max(self.worst_delay_s, time.monotonic() - due)
            message = next(self._messages)
            now = self._clock.now()
            message.header.stamp = now.to_msg()
            self._publisher.publish(message)
            stamps.append(now.nanoseconds)
        return stamps


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--topic", required=True)
    parser.add_argument("--size", type=image_size, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--warm-up", type=int, default=0)
    parser.add_argument("--transport", choices=TRANSPORTS, required=True)
    parser.add_argument("--summary", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
