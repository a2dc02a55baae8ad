# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The parse node's entry on /diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from seg3d2d_ros.statistics import Drop, Percentiles, StatisticsSnapshot

_FAULTS = (Drop.UNDECODABLE, Drop.ERROR)
_WHY = {
    Drop.SUPERSEDED: "the image in work does not end",
    Drop.STALE: "all are older than max_image_age; check that the camera's clock is this machine's",
    Drop.UNDECODABLE: "none can be decoded",
    Drop.ERROR: "all fail",
    Drop.RATE_LIMITED: "max_rate is too low for them",
}


class DiagnosticsReporter:
    """Makes the diagnostic status of one node.

    The level is WARN when some images failed since the last report, when images come but none is
    parsed, when none comes though the node is active, or when it is not configured; ERROR when all
    images since then failed or configuring failed. What a failure made of it stays until another
    image is done.

    Args:
        node_name: fully qualified name of the node.
    """

    def __init__(self, node_name: str) -> None:
        self._node_name = node_name
        self._last_parsed = 0
        self._last_faults = 0
        self._last_drops = dict.fromkeys(Drop, 0)
        self._failure: tuple[bytes, str] | None = None

    def message(
        self,
        stamp: Any,
        snapshot: StatisticsSnapshot,
        *,
        state: str,
        configure_fault: str,
        camera_fault: str,
        details: Mapping[str, object],
    ) -> DiagnosticArray:
        """The message to publish.

        Args:
            stamp: builtin_interfaces/Time of now.
            snapshot: the counts.
            state: label of the lifecycle state.
            configure_fault: why the last try to configure failed, empty if it did not.
            camera_fault: why no image comes, empty while images come.
            details: further values: device, backend, bundle ...
        """
        level, text = self._judge(snapshot, state, camera_fault)
        if configure_fault:
            level, text = DiagnosticStatus.ERROR, f"can't be configured: {configure_fault}"
        values = {"state": state, **details, **_values(snapshot)}
        status = DiagnosticStatus(
            level=level,
            name=f"{self._node_name.lstrip('/')}: image parsing",
            message=text,
            hardware_id=self._node_name,
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = stamp
        return message

    def _judge(
        self, snapshot: StatisticsSnapshot, state: str, camera_fault: str
    ) -> tuple[bytes, str]:
        faults = sum(snapshot.drops[reason] for reason in _FAULTS)
        new_faults, self._last_faults = faults - self._last_faults, faults
        new_parsed, self._last_parsed = snapshot.parsed - self._last_parsed, snapshot.parsed
        new_drops = {k: count - self._last_drops[k] for k, count in snapshot.drops.items()}
        self._last_drops = dict(snapshot.drops)
        if state != "active":
            level = DiagnosticStatus.OK if state == "inactive" else DiagnosticStatus.WARN
            return level, f"node is {state}"
        if new_faults:
            level = DiagnosticStatus.WARN if new_parsed else DiagnosticStatus.ERROR
            text = f"{new_faults} images failed, the last because {snapshot.last_fault}"
            self._failure = level, text
        elif new_parsed:
            self._failure = None
        if camera_fault:
            return DiagnosticStatus.WARN, camera_fault
        if self._failure is not None:
            return self._failure
        main = max(new_drops, key=lambda reason: new_drops[reason])
        if new_drops[main] and not snapshot.output_rate and main is not Drop.DISABLED:
            return DiagnosticStatus.WARN, f"images come, but none is parsed: {_WHY[main]}"
        return DiagnosticStatus.OK, (
            f"{snapshot.output_rate:.1f} of {snapshot.input_rate:.1f} images per second parsed"
        )


def _values(snapshot: StatisticsSnapshot) -> dict[str, object]:
    drops = {f"dropped_{reason.value}": count for reason, count in snapshot.drops.items()}
    return {
        "received": snapshot.received,
        "parsed": snapshot.parsed,
        "pending": snapshot.pending,
        **drops,
        "input_rate_hz": f"{snapshot.input_rate:.2f}",
        "output_rate_hz": f"{snapshot.output_rate:.2f}",
        **_milliseconds("latency", snapshot.latency),
        **_milliseconds("image_age", snapshot.image_age),
        **_milliseconds("parse_time", snapshot.parse_time),
        "last_fault": snapshot.last_fault,
    }


def _milliseconds(name: str, percentiles: Percentiles) -> dict[str, str]:
    return {
        f"{name}_p50_ms": f"{percentiles.p50 * 1e3:.1f}",
        f"{name}_p95_ms": f"{percentiles.p95 * 1e3:.1f}",
        f"{name}_p99_ms": f"{percentiles.p99 * 1e3:.1f}",
    }
