# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The parse node's output topics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from seg3d2d_ros.label_output import LabelOutput
from seg3d2d_ros.messages import (
    LABEL_INFO_TOPIC,
    LABEL_INFO_TYPE,
    compressed_label_message,
    describes_image,
    has_finite_intrinsics,
    image_message,
    label_info_message,
)
from seg3d2d_ros.overlay import blend_overlay
from seg3d2d_ros.parser import ParseResult
from seg3d2d_ros.qos import LATCHED_QOS, OUTPUT_QOS

LABEL_INFO_PERIOD_S = 2.0


class OutputPublishers:
    """Creates the publishers of a configured node, and fills them.

    Images are published while the node is active; the label info as soon as it is configured, so
    that consumers can set themselves up. What nobody subscribes to is not computed.

    Attributes:
        output: rules for the published labels.
        overlay_alpha: weight of the label colours in the overlay.
        invalid_camera_infos: camera infos relayed whose intrinsics are not finite.
        unfit_camera_infos: labels whose camera info was of another image size and not relayed.
    """

    def __init__(self, node: LifecycleNode, output: LabelOutput, overlay_alpha: float) -> None:
        self._node = node
        self.output = output
        self.overlay_alpha = overlay_alpha
        self.invalid_camera_infos = 0
        self.unfit_camera_infos = 0
        self._camera_info: CameraInfo | None = None
        self._palette = output.label_space.palette()
        self._label_info_subscribers = 0
        self._label_info_due_s = 0.0

        create = node.create_lifecycle_publisher
        self._label = create(Image, "~/label", OUTPUT_QOS)
        self._label_png = create(CompressedImage, "~/label/compressed", OUTPUT_QOS)
        self._confidence = create(Image, "~/confidence", OUTPUT_QOS)
        self._overlay = create(Image, "~/overlay", OUTPUT_QOS)
        self._relayed_info = create(CameraInfo, "~/camera_info", OUTPUT_QOS)
        self._label_info = node.create_publisher(LABEL_INFO_TYPE, LABEL_INFO_TOPIC, LATCHED_QOS)

    @property
    def needs_confidence(self) -> bool:
        """Whether the parser must compute the confidence for the next image."""
        return self.output.needs_confidence or self._confidence.get_subscription_count() > 0

    def set_output(self, output: LabelOutput) -> None:
        """Publish by other rules from the next image on, and tell the subscribers of label info."""
        self.output = output
        self._palette = output.label_space.palette()
        self._label_info_due_s = 0.0

    def set_threshold(self, threshold: float) -> None:
        """Apply another confidence threshold, and tell the subscribers of the label info."""
        if threshold != self.output.threshold:
            self.output = replace(self.output, threshold=threshold)
            self._label_info_due_s = 0.0

    def take_camera_info(self, camera_info: CameraInfo) -> None:
        """Keep the camera's newest intrinsics for the next label image."""
        if not has_finite_intrinsics(camera_info):
            self.invalid_camera_infos += 1
            if self.invalid_camera_infos == 1:
                self._node.get_logger().warning(
                    "camera_info holds values that are not finite (NaN or infinite); it is relayed "
                    "as it is, but nothing can project with it: calibrate the camera"
                )
        self._camera_info = camera_info

    def publish(self, msg: Any, image: npt.NDArray[np.uint8], result: ParseResult) -> None:
        """Publish everything about one image.

        Args:
            msg: the camera's message, whose header all outputs carry unchanged.
            image: its pixels, RGB, (H, W, 3) uint8.
            result: what the parser made of it.
        """
        labels = self.output.apply(result)
        self._label.publish(image_message(msg.header, labels))
        camera_info = self._camera_info
        if camera_info is not None and self._fits(camera_info, *labels.shape):
            camera_info.header = msg.header
            self._relayed_info.publish(camera_info)
        if result.confidence is not None and self._confidence.get_subscription_count():
            self._confidence.publish(image_message(msg.header, result.confidence))
        if self._label_png.get_subscription_count():
            self._label_png.publish(compressed_label_message(msg.header, labels))
        if self._overlay.get_subscription_count():
            overlay = blend_overlay(image, labels, self._palette, self.overlay_alpha)
            self._overlay.publish(image_message(msg.header, overlay))

    def _fits(self, camera_info: CameraInfo, height: int, width: int) -> bool:
        if describes_image(camera_info, height, width):
            return True
        self.unfit_camera_infos += 1
        if self.unfit_camera_infos == 1:
            self._node.get_logger().warning(
                f"camera_info is of images of {camera_info.width}x{camera_info.height}, but they "
                f"are {width}x{height}; it is not relayed: check that it is the same camera's"
            )
        return False

    def camera_info_faults(self) -> dict[str, object]:
        """For the diagnostics."""
        return {
            "invalid_camera_infos": self.invalid_camera_infos,
            "unfit_camera_infos": self.unfit_camera_infos,
        }

    def tick(self, now_s: float) -> None:
        """Publish the label info when it is due or a subscriber has come; call this often.

        Args:
            now_s: monotonic seconds.
        """
        subscribers = self._label_info.get_subscription_count()
        if now_s >= self._label_info_due_s or subscribers > self._label_info_subscribers:
            header = Header(stamp=self._node.get_clock().now().to_msg())
            self._label_info.publish(
                label_info_message(header, self.output.label_space, self.output.threshold)
            )
            self._label_info_due_s = now_s + LABEL_INFO_PERIOD_S
        self._label_info_subscribers = subscribers

    def destroy(self) -> None:
        """Remove the topics."""
        for publisher in (
            self._label,
            self._label_png,
            self._confidence,
            self._overlay,
            self._relayed_info,
        ):
            self._node.destroy_lifecycle_publisher(publisher)
        self._node.destroy_publisher(self._label_info)
