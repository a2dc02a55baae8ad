# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Memory of another process, from Linux's /proc."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class MemorySample:
    """Memory at one moment, in MB of 10^6 bytes.

    Attributes:
        time_s: monotonic.
        resident: what is in RAM, shared memory that the process has touched included.
        anonymous: the part that is its own: heap and stacks.
        peak: the greatest ``resident`` so far.
    """

    time_s: float
    resident: float
    anonymous: float
    peak: float


def read_memory(pid: int, now_s: float) -> MemorySample:
    """Memory of a process.

    Raises:
        OSError: if there is no such process.
    """
    fields = {}
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        fields[key] = value.split()
    resident, anonymous, peak = (
        int(fields[key][0]) * 1024e-6 for key in ("VmRSS", "RssAnon", "VmHWM")
    )
    return MemorySample(now_s, resident, anonymous, peak)


def growth(
    samples: Sequence[MemorySample], first: tuple[float, float], last: tuple[float, float]
) -> float | None:
    """MB by which the median ``resident`` of one time is above that of an earlier one.

    Args:
        samples: of one process.
        first: (begin, end) of the earlier time, seconds.
        last: (begin, end) of the later one.

    Returns:
        None where one of them holds no sample.
    """
    medians = []
    for begin, end in (first, last):
        values = [s.resident for s in samples if begin <= s.time_s <= end]
        if not values:
            return None
        medians.append(float(np.median(values)))
    return medians[1] - medians[0]
