# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Notices that no images come, and says why that may be and what to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

REPEAT_S = 60.0
"""Seconds between warnings while the camera stays silent."""


@dataclass(frozen=True)
class CameraPublisher:
    """One publisher on the image topic: its node, message type and reliability."""

    node: str
    message_type: str
    reliable: bool


class CameraWatch:
    """Tells when a camera has been silent for too long.

    Args:
        topic: resolved name of the image topic.
        message_type: type subscribed to, for example ``sensor_msgs/msg/Image``.
        reliable: whether the subscription asks for reliable delivery.
        now: monotonic clock in seconds.
    """

    def __init__(
        self,
        topic: str,
        message_type: str,
        *,
        reliable: bool,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topic = topic
        self._message_type = message_type
        self._reliable = reliable
        self._now = now
        self._last_image = now()
        self._last_reason = ""
        self._last_warning = -float("inf")

    def image_arrived(self) -> None:
        """An image came."""
        self._last_image = self._now()
        self._last_warning = -float("inf")

    def silent_for(self, timeout: float) -> bool:
        """Whether no image came for ``timeout`` seconds (0: never)."""
        return 0 < timeout <= self._now() - self._last_image

    def warning(self, timeout: float, publishers: Sequence[CameraPublisher]) -> str:
        """A sentence or two to log now, or an empty string.

        It comes once when the camera has been silent for ``timeout`` seconds, again when the
        reason has changed, but not before ``timeout`` seconds have passed, and every
        :data:`REPEAT_S` seconds while it lasts.
        """
        if not self.silent_for(timeout):
            return ""
        reason = self._reason(publishers)
        pause_s = REPEAT_S if reason == self._last_reason else timeout
        if self._now() - self._last_warning < pause_s:
            return ""
        self._last_reason, self._last_warning = reason, self._now()
        return self.explain(publishers)

    def explain(self, publishers: Sequence[CameraPublisher]) -> str:
        """Why no image comes, given who publishes on the topic, and what to do."""
        silence_s = self._now() - self._last_image
        return f"no image on {self._topic} for {silence_s:.0f} s: {self._reason(publishers)}"

    def _reason(self, publishers: Sequence[CameraPublisher]) -> str:
        if not publishers:
            return "nobody publishes on it; start the camera, or remap image to its topic"
        nodes = ", ".join(sorted({publisher.node for publisher in publishers}))
        fitting = [p for p in publishers if p.message_type == self._message_type]
        if not fitting:
            types = ", ".join(sorted({publisher.message_type for publisher in publishers}))
            return (
                f"{nodes} publishes {types} on it, not {self._message_type}; remap image to the "
                "image's topic or set the parameter image_transport"
            )
        if self._reliable and not any(publisher.reliable for publisher in fitting):
            return (
                f"{nodes} publishes best effort, but the parameter qos_reliability asks for "
                "reliable; set it to best_effort"
            )
        remedy = (
            "start the camera driver with FASTDDS_DEFAULT_PROFILES_FILE (Humble, Jazzy: "
            "FASTRTPS_DEFAULT_PROFILES_FILE) naming this package's config/fastdds.xml"
        )
        if not self._reliable and any(publisher.reliable for publisher in fitting):
            remedy += ", or set the parameters qos_reliability to reliable and qos_depth to 5"
        return (
            f"{nodes} is matched but delivers nothing; it may be paused, or its shared-memory "
            f"segment may be smaller than one image: {remedy}"
        )
