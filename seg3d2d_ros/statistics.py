# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where every frame went, and how long it took."""

from __future__ import annotations

import enum
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

WINDOW_S = 10.0
"""Seconds over which rates and percentiles are taken."""

_WINDOW_FRAMES = 2000
"""Frames kept at most, which bounds memory under any frame rate."""


class Drop(enum.Enum):
    """Why a received frame was not parsed."""

    SUPERSEDED = "superseded"
    """A newer frame came before the worker was free."""
    STALE = "stale"
    """Older than ``max_image_age`` when its turn came."""
    UNDECODABLE = "undecodable"
    """The message holds no image that can be decoded."""
    DISABLED = "disabled"
    """Parsing was switched off, or the node was deactivated before the frame's turn came."""
    ERROR = "error"
    """Parsing or publishing failed."""
    RATE_LIMITED = "rate_limited"
    """More frames came than ``max_rate`` allows."""


@dataclass(frozen=True)
class Percentiles:
    """Median, 95th and 99th percentile of one quantity, in seconds; NaN without a frame."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class StatisticsSnapshot:
    """All counts at one moment: ``received == parsed + sum(drops.values()) + pending``.

    Attributes:
        received: frames that reached the node since it started.
        parsed: frames parsed and published.
        drops: frames not parsed, by reason.
        pending: frames waiting or being parsed right now.
        input_rate: frames received per second over the window.
        output_rate: frames published per second over the window.
        latency: from the camera's stamp to the end of publishing.
        image_age: from the camera's stamp to the start of decoding.
        parse_time: decoding and parsing.
        seconds_since_image: since the last frame was received, infinite before the first.
        last_fault: why the last undecodable or failing frame was dropped, empty before one.
    """

    received: int
    parsed: int
    drops: dict[Drop, int]
    pending: int
    input_rate: float
    output_rate: float
    latency: Percentiles
    image_age: Percentiles
    parse_time: Percentiles
    seconds_since_image: float
    last_fault: str


class FrameStatistics:
    """Counts frames; may be used from several threads.

    Args:
        window_s: seconds over which rates and percentiles are taken.
        now: monotonic clock in seconds.
    """

    def __init__(
        self, window_s: float = WINDOW_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._window_s = window_s
        self._now = now
        self._lock = threading.Lock()
        self._start = now()
        self._received = 0
        self._parsed = 0
        self._drops = dict.fromkeys(Drop, 0)
        self._last_fault = ""
        self._arrivals: deque[float] = deque(maxlen=_WINDOW_FRAMES)
        self._published: deque[tuple[float, float, float, float]] = deque(maxlen=_WINDOW_FRAMES)

    def count_received(self) -> None:
        """A frame arrived; it stays pending until it is parsed or dropped."""
        with self._lock:
            self._received += 1
            self._arrivals.append(self._now())

    def count_dropped(self, reason: Drop, text: str = "") -> None:
        """A received frame will not be parsed; ``text`` says more where there is a fault."""
        with self._lock:
            self._drops[reason] += 1
            self._last_fault = text or self._last_fault

    def count_parsed(self, *, latency_s: float, image_age_s: float, parse_time_s: float) -> None:
        """A received frame was parsed and published."""
        with self._lock:
            self._parsed += 1
            self._published.append((self._now(), latency_s, image_age_s, parse_time_s))

    def snapshot(self) -> StatisticsSnapshot:
        """All counts at one moment."""
        with self._lock:
            now = self._now()
            oldest = now - self._window_s
            while self._arrivals and self._arrivals[0] < oldest:
                last_arrival = self._arrivals.popleft()
                if not self._arrivals:  # the last one is kept: it says how long ago it was
                    self._arrivals.append(last_arrival)
                    break
            while self._published and self._published[0][0] < oldest:
                self._published.popleft()
            arrivals = sum(arrival >= oldest for arrival in self._arrivals)
            observed_s = max(min(self._window_s, now - self._start), 1e-3)
            measured = np.array(self._published, float).reshape(-1, 4)
            return StatisticsSnapshot(
                received=self._received,
                parsed=self._parsed,
                drops=dict(self._drops),
                pending=self._received - self._parsed - sum(self._drops.values()),
                input_rate=arrivals / observed_s,
                output_rate=len(self._published) / observed_s,
                latency=_percentiles(measured[:, 1]),
                image_age=_percentiles(measured[:, 2]),
                parse_time=_percentiles(measured[:, 3]),
                seconds_since_image=now - self._arrivals[-1] if self._arrivals else float("inf"),
                last_fault=self._last_fault,
            )


def _percentiles(values: np.ndarray) -> Percentiles:
    if not values.size:
        return Percentiles(float("nan"), float("nan"), float("nan"))
    return Percentiles(*(float(value) for value in np.percentile(values, (50, 95, 99))))
