# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Quality of service of the parse node's topics."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

_RELIABILITY = {
    "best_effort": ReliabilityPolicy.BEST_EFFORT,
    "reliable": ReliabilityPolicy.RELIABLE,
}

OUTPUT_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.RELIABLE
)
"""Images we publish: reliable, so that subscribers of either kind match."""

LATCHED_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""What late subscribers must get as well."""

CAMERA_INFO_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.BEST_EFFORT
)
"""Matches any camera; only the newest matters."""


def image_qos(reliability: str, depth: int) -> QoSProfile:
    """QoS of the image subscription, from the parameters of the same names."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=_RELIABILITY[reliability]
    )
