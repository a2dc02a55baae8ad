# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""This process as a camera, a consumer of labels and an operator."""

from __future__ import annotations

import array
import time

import numpy as np

DISCOVERY_TIMEOUT_S = 15.0
"""Processes find each other in 0.02 to 3 s; more is left for busy machines."""

ANSWER_TIMEOUT_S = 15.0


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

    def publish_serialized(self, data: bytes) -> None:
        """Publish the bytes of a message, such as a bag's."""
        self._publisher.publish(data)

    def destroy(self) -> None:
        """Unplug the camera."""
        self._client.node.destroy_publisher(self._publisher)
