# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seg3d2d_ros.demo.observations import Observations

_DROP = "dropped_"


@dataclass(frozen=True)
class DemoFigures:
    """What happened to the frames.

    Attributes:
        sent: by the camera.
        send_rate_hz: frames per second the camera sent.
        unreadable: reasons by name of the recording's frames that the camera could not read.
        received: by the parse node.
        parsed: by the parse node.
        drops: frames received but not parsed, by reason, those that are not 0.
        labels: label images that arrived at the observer.
        labels_per_second: there.
        latency_p50_ms: from camera stamp to arrival of the labels at the observer, median.
        latency_p95_ms: the same, 95th percentile.
        model: name of the bundle.
        model_hash: its hash.
        backend: what ran it: runtime, precision, device.
    """

    sent: int
    send_rate_hz: float
    unreadable: dict[str, str]
    received: int
    parsed: int
    drops: dict[str, int]
    labels: int
    labels_per_second: float
    latency_p50_ms: float
    latency_p95_ms: float
    model: str
    model_hash: str
    backend: str

    @classmethod
    def collect(
        cls,
        played: Mapping[str, Any],
        diagnostics: Mapping[str, str],
        observations: Observations,
    ) -> DemoFigures:
        """From the player's summary, the node's last diagnostics and what was observed."""
        latencies = observations.latencies_s or [float("nan")]
        p50, p95 = np.percentile(latencies, (50, 95)) * 1e3
        drops = {
            key[len(_DROP) :]: int(value)
            for key, value in diagnostics.items()
            if key.startswith(_DROP) and int(value)
        }
        ran = (diagnostics.get(key, "?") for key in ("backend", "precision", "device"))
        return cls(
            sent=int(played["frames_sent"]),
            send_rate_hz=float(played["rate_hz"]),
            unreadable={fault["name"]: fault["reason"] for fault in played["faults"]},
            received=int(diagnostics.get("received", 0)),
            parsed=int(diagnostics.get("parsed", 0)),
            drops=drops,
            labels=observations.labels,
            labels_per_second=observations.labels_per_second,
            latency_p50_ms=float(p50),
            latency_p95_ms=float(p95),
            model=diagnostics.get("bundle", "?"),
            model_hash=diagnostics.get("bundle_hash", ""),
            backend=" ".join(ran),
        )

    def rows(self) -> list[tuple[str, str]]:
        """Name and value of each figure, for people."""
        dropped = sum(self.drops.values())
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.drops.items())
        lost = self.sent - self.received
        return [
            *[(f"left out: {name}", reason) for name, reason in list(self.unreadable.items())[:5]],
            (
                "frames sent by the camera",
                f"{self.sent} ({self.send_rate_hz:.1f} per second)"
                + (f", {len(self.unreadable)} unreadable" if self.unreadable else ""),
            ),
            (
                "received by the parse node",
                str(self.received) + (f" ({lost} lost)" if lost else ""),
            ),
            ("parsed", f"{self.parsed} ({self.labels_per_second:.1f} per second)"),
            ("dropped", f"{dropped} ({reasons})" if reasons else "0"),
            (
                "latency, camera stamp to label",
                f"p50 {self.latency_p50_ms:.0f} ms, p95 {self.latency_p95_ms:.0f} ms",
            ),
            ("model", f"{self.model} ({self.model_hash[:12]})"),
            ("run by", self.backend),
        ]
