# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What became of every frame that a camera sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FrameAccounts:
    """Frames by fate.

    Attributes:
        sent: by the camera.
        received: by the node, as it says.
        parsed: by the node, as it says.
        dropped: by the node, by reason, as it says.
        labelled: frames sent whose label image arrived here.
        strangers: label images that arrived with the stamp of no frame sent, or once more.
    """

    sent: int
    received: int
    parsed: int
    dropped: Mapping[str, int]
    labelled: int
    strangers: int

    @classmethod
    def collect(
        cls,
        sent: Collection[int],
        arrived: Collection[int],
        diagnostics: Mapping[str, str],
    ) -> FrameAccounts:
        """Compare stamps sent, stamps of the labels that arrived, and a node's diagnostics."""
        labelled = set(sent) & set(arrived)
        dropped = {
            key.removeprefix("dropped_"): int(value)
            for key, value in diagnostics.items()
            if key.startswith("dropped_") and int(value)
        }
        return cls(
            sent=len(sent),
            received=int(diagnostics["received"]),
            parsed=int(diagnostics["parsed"]),
            dropped=dropped,
            labelled=len(labelled),
            strangers=len(arrived) - len(labelled),
        )

    @property
    def lost_before_node(self) -> int:
        """Sent, but not received: lost by the middleware or pushed out of its queue."""
        return self.sent - self.received

    @property
    def lost_after_node(self) -> int:
        """Parsed and published, but the labels did not arrive."""
        return self.parsed - self.labelled

    @property
    def uncounted(self) -> int:
        """Frames that are in none of these counts, or in two; 0 if the node counts right."""
        within_node = abs(self.received - self.parsed - sum(self.dropped.values()))
        more_than_sent = max(0, -self.lost_before_node) + max(0, -self.lost_after_node)
        return within_node + more_than_sent + self.strangers

    def as_dict(self) -> dict[str, Any]:
        """For a row of a report."""
        return {
            "sent": self.sent,
            "lost_before_node": self.lost_before_node,
            "received": self.received,
            "dropped": dict(self.dropped),
            "parsed": self.parsed,
            "lost_after_node": self.lost_after_node,
            "labelled": self.labelled,
            "uncounted": self.uncounted,
        }
