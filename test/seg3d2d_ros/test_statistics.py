# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Counting frames."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from seg3d2d_ros.statistics import Drop, FrameStatistics


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_every_frame_is_accounted_for():
    statistics = FrameStatistics()
    for _ in range(10):
        statistics.count_received()
    statistics.count_parsed(latency_s=0.1, image_age_s=0.05, parse_time_s=0.04)
    for reason in Drop:
        statistics.count_dropped(reason)
    snapshot = statistics.snapshot()
    assert snapshot.received == 10
    assert snapshot.pending == 3
    assert snapshot.received == snapshot.parsed + sum(snapshot.drops.values()) + snapshot.pending


def test_nothing_measured_yet():
    snapshot = FrameStatistics().snapshot()
    assert snapshot.received == snapshot.pending == 0
    assert math.isnan(snapshot.latency.p50)
    assert snapshot.seconds_since_image == math.inf
    assert snapshot.input_rate == snapshot.output_rate == 0


def test_rates_and_percentiles_are_those_of_the_window():
    clock = Clock()
    statistics = FrameStatistics(window_s=10.0, now=clock)
    latencies = np.random.default_rng(0).exponential(0.1, 400)
    for latency in latencies:  # 10 frames per second for 40 s, half of them parsed in full
        clock.time += 0.1
        statistics.count_received()
        statistics.count_parsed(
            latency_s=latency, image_age_s=latency / 2, parse_time_s=latency / 4
        )
    snapshot = statistics.snapshot()
    last = latencies[-100:]  # what lies within 10 s
    assert snapshot.input_rate == pytest.approx(10.0, abs=0.2)
    assert snapshot.output_rate == pytest.approx(10.0, abs=0.2)
    for name, scale in (("latency", 1), ("image_age", 2), ("parse_time", 4)):
        percentiles = getattr(snapshot, name)
        expected = np.sort(last)[[49, 94, 98]] / scale
        np.testing.assert_allclose(
            (percentiles.p50, percentiles.p95, percentiles.p99), expected, rtol=0.15
        )
    clock.time += 25
    snapshot = statistics.snapshot()
    assert snapshot.input_rate == snapshot.output_rate == 0
    assert snapshot.seconds_since_image == pytest.approx(25)
    assert snapshot.parsed == 400


def test_last_fault_is_kept_over_drops_that_are_none():
    statistics = FrameStatistics()
    statistics.count_dropped(Drop.UNDECODABLE, "no pixels")
    statistics.count_dropped(Drop.SUPERSEDED)
    assert statistics.snapshot().last_fault == "no pixels"


def test_counts_from_several_threads_add_up():
    statistics = FrameStatistics()

    def count():
        for _ in range(2000):
            statistics.count_received()
            statistics.count_dropped(Drop.STALE)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        snapshot = statistics.snapshot()
        assert 0 <= snapshot.pending <= 4
    for thread in threads:
        thread.join(10)
    assert statistics.snapshot().drops[Drop.STALE] == 8000
