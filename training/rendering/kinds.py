# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The kinds of rooms, their shares and their sizes."""

from __future__ import annotations

import numpy as np

# Share of rooms, width and depth ranges in metres.
ROOM_KINDS: dict[str, tuple[float, tuple[float, float], tuple[float, float]]] = {
    "living_room": (0.2, (3.5, 6.5), (3.2, 5.5)),
    "bedroom": (0.16, (3.0, 5.0), (2.8, 4.5)),
    "kitchen": (0.22, (2.6, 4.8), (2.4, 4.2)),
    "dining_room": (0.09, (3.0, 5.0), (3.0, 4.5)),
    "office": (0.14, (3.0, 7.0), (3.0, 6.0)),
    "bathroom": (0.12, (2.0, 3.6), (1.9, 3.2)),
    "corridor": (0.03, (1.6, 2.4), (4.0, 8.0)),
    "classroom": (0.05, (5.0, 8.0), (4.5, 7.0)),
}


def kind_of(position: int) -> str:
    """The room kind of the n-th room of a split; kinds follow their shares even in small splits."""
    names = list(ROOM_KINDS)
    share = np.cumsum([ROOM_KINDS[name][0] for name in names])
    # Multiples of the golden ratio fill the unit interval evenly.
    return names[int(np.searchsorted(share / share[-1], (position + 0.5) * 0.6180339887498949 % 1))]
