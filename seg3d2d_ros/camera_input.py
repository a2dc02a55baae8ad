# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The parse node's subscriptions to one camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from seg3d2d_ros.camera_watch import CameraPublisher, CameraWatch
from seg3d2d_ros.parameters import NodeParameters
from seg3d2d_ros.qos import CAMERA_INFO_QOS, image_qos


class CameraInput:
    """Subscribes to a camera's images and intrinsics, and notices when no images come.

    Args:
        node: the node to subscribe with.
        values: its parameters.
        on_image: called with each image message.
        on_camera_info: called with each sensor_msgs/CameraInfo.

    Attributes:
        topic: resolved name of the image topic.
    """

    def __init__(
        self,
        node: Node,
        values: NodeParameters,
        on_image: Callable[[Any], None],
        on_camera_info: Callable[[CameraInfo], None],
    ) -> None:
        self._node = node
        self._on_image = on_image
        compressed = values.image_transport == "compressed"
        message_type = CompressedImage if compressed else Image
        image = node.create_subscription(
            message_type,
            # the transport's topic hangs on the remapped name, as image_transport has it
            node.resolve_topic_name("image") + ("/compressed" if compressed else ""),
            self._take_image,
            image_qos(values.qos_reliability, values.qos_depth),
        )
        info = node.create_subscription(CameraInfo, "camera_info", on_camera_info, CAMERA_INFO_QOS)
        self._subscriptions = (image, info)
        self.topic: str = image.topic_name
        self._watch = CameraWatch(
            self.topic,
            f"sensor_msgs/msg/{message_type.__name__}",
            reliable=values.qos_reliability == "reliable",
        )

    def fault(self, timeout: float) -> str:
        """Why no image came for ``timeout`` seconds (0: never), empty while images come."""
        return self._watch.explain(self._publishers()) if self._watch.silent_for(timeout) else ""

    def new_warning(self, timeout: float) -> str:
        """What :meth:`fault` says, but once in a while only, for the log."""
        if not self._watch.silent_for(timeout):
            return ""
        return self._watch.warning(timeout, self._publishers())

    def destroy(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _take_image(self, msg: Any) -> None:
        self._watch.image_arrived()
        self._on_image(msg)

    def _publishers(self) -> list[CameraPublisher]:
        return [
            CameraPublisher(
                f"{info.node_namespace.rstrip('/')}/{info.node_name}",
                info.topic_type,
                info.qos_profile.reliability == ReliabilityPolicy.RELIABLE,
            )
            for info in self._node.get_publishers_info_by_topic(self.topic)
        ]
