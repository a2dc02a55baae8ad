# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The worker thread: what becomes of every frame."""

from __future__ import annotations

import queue
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from seg3d2d_ros.frame_worker import FrameWorker
from seg3d2d_ros.image_codec import decode_image
from seg3d2d_ros.parser import ParseFailure, ParseResult, SceneParser, Timings
from seg3d2d_ros.statistics import Drop, FrameStatistics

NOW_NS = 5_000_000_000


def message(value: int = 0, stamp_ns: int = NOW_NS, **changes) -> SimpleNamespace:
    """An rgb8 image message of 2x2 pixels of one value."""
    stamp = SimpleNamespace(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    fields = {
        "header": SimpleNamespace(stamp=stamp, frame_id="camera"),
        "height": 2,
        "width": 2,
        "encoding": "rgb8",
        "is_bigendian": 0,
        "step": 6,
        "data": bytes([value] * 12),
    }
    return SimpleNamespace(**fields | changes)


def result_of(image: np.ndarray) -> ParseResult:
    return ParseResult(image[:, :, 0].copy(), None, Timings(0, 0, 0))


class Harness:
    """A worker whose published frames and faults can be waited for."""

    def __init__(self, *, parse=result_of, publish=None, **options) -> None:
        self.published: queue.Queue = queue.Queue()
        self.faults: queue.Queue = queue.Queue()
        self.statistics = FrameStatistics()
        self.worker = FrameWorker(
            decode=decode_image,
            parse=parse,
            publish=publish or (lambda *frame: self.published.put(frame)),
            statistics=self.statistics,
            stamp_now=lambda: NOW_NS,
            report_fault=self.faults.put,
            **options,
        )

    def counts(self) -> dict[str, int]:
        """All counts that are not 0, after checking that they add up."""
        snapshot = self.statistics.snapshot()
        counts = {reason.value: count for reason, count in snapshot.drops.items() if count}
        assert snapshot.received == snapshot.parsed + sum(counts.values()) + snapshot.pending
        named = {"parsed": snapshot.parsed, "pending": snapshot.pending, **counts}
        return {name: count for name, count in named.items() if count}


def wait_until(condition) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def harness():
    made = []

    def make(**options) -> Harness:
        made.append(Harness(**options))
        made[-1].worker.start()
        return made[-1]

    yield make
    for each in made:
        assert each.worker.stop(10)


def test_frame_is_decoded_parsed_and_published(harness):
    h = harness()
    msg = message(value=3)
    h.worker.submit(msg)
    published, image, result = h.published.get(timeout=10)
    assert published is msg
    assert image.shape == (2, 2, 3)
    assert result.labels.tolist() == [[3, 3], [3, 3]]
    assert h.worker.stop(10)
    assert h.counts() == {"parsed": 1}


def test_with_a_real_parser(harness, channel_bundle):
    parser = SceneParser(channel_bundle)
    h = harness(parse=parser.parse)
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, :20, 1] = 200
    pixels[:, 20:, 2] = 200
    h.worker.submit(message(height=48, width=64, step=192, data=pixels.tobytes()))
    _, _, result = h.published.get(timeout=30)
    np.testing.assert_array_equal(result.labels, np.argmax(pixels, axis=2))


def test_frames_that_wait_are_superseded_by_the_newest(harness):
    entered, release = threading.Event(), threading.Event()

    def parse(image):
        entered.set()
        assert release.wait(10)
        return result_of(image)

    h = harness(parse=parse)
    h.worker.submit(message(1))
    assert entered.wait(10)
    for value in (2, 3, 4):
        h.worker.submit(message(value))
    assert h.counts() == {"pending": 2, "superseded": 2}
    release.set()
    values = [int(h.published.get(timeout=10)[2].labels[0, 0]) for _ in range(2)]
    assert values == [1, 4]


def test_stopping_counts_the_frame_that_waits_as_disabled(harness):
    entered, release = threading.Event(), threading.Event()

    def parse(image):
        entered.set()
        assert release.wait(10)
        return result_of(image)

    h = harness(parse=parse)
    h.worker.submit(message(1))
    assert entered.wait(10)
    h.worker.submit(message(2))
    assert h.worker.stop(0.01) is False  # the frame in work is not cut off
    release.set()
    assert h.worker.stop(10) is True
    h.worker.submit(message(3))
    assert h.counts() == {"parsed": 1, "disabled": 1, "superseded": 1}


def test_disabled_frames_are_counted_and_parsing_resumes(harness):
    h = harness()
    h.worker.enabled = False
    for _ in range(3):
        h.worker.submit(message())
    assert h.counts() == {"disabled": 3}
    h.worker.enabled = True
    h.worker.submit(message(7))
    h.published.get(timeout=10)


@pytest.mark.parametrize(
    ("age_s", "max_image_age", "parsed"),
    [(0.6, 0.5, False), (0.4, 0.5, True), (4.9, 0.0, True), (-1000.0, 0.5, True)],
)
def test_stale_frames_are_dropped_but_frames_of_the_future_are_not(
    harness, age_s, max_image_age, parsed
):
    h = harness(max_image_age=max_image_age)
    h.worker.submit(message(1, stamp_ns=NOW_NS - int(age_s * 1e9)))
    wait_until(lambda: not h.statistics.snapshot().pending)
    assert h.counts() == ({"parsed": 1} if parsed else {"stale": 1})


def test_undecodable_frame_is_reported_and_the_next_is_parsed(harness):
    h = harness()
    h.worker.submit(message(step=1))
    assert "undecodable" in h.faults.get(timeout=10)
    h.worker.submit(message(5))
    h.published.get(timeout=10)
    assert "step is 1 bytes" in h.statistics.snapshot().last_fault


@pytest.mark.parametrize("fails", ["value", "exception", "publish"])
def test_failures_are_counted_as_errors_and_the_next_is_parsed(harness, fails):
    published: queue.Queue = queue.Queue()

    def parse(image):
        if image[0, 0, 0] == 1 and fails == "value":
            return ParseFailure("the network failed")
        if image[0, 0, 0] == 1 and fails == "exception":
            raise MemoryError("the network failed")
        return result_of(image)

    def publish(msg, image, result):
        if image[0, 0, 0] == 1:
            raise RuntimeError("the network failed")
        published.put(msg)

    h = harness(parse=parse, publish=publish)
    h.worker.submit(message(1))
    assert "the network failed" in h.faults.get(timeout=10)
    h.worker.submit(message(2))
    published.get(timeout=10)
    assert h.worker.stop(10)
    assert h.counts() == {"parsed": 1, "error": 1}


def test_rate_limit_keeps_the_average(harness):
    clock = SimpleNamespace(time=0.0)
    h = harness(max_rate=4.0, now=lambda: clock.time)
    accepted = 0
    for frame in range(300):  # 30 per second for 10 s, whose period is no multiple of 1/30 s
        clock.time = frame / 30
        before = h.statistics.snapshot().drops[Drop.RATE_LIMITED]
        h.worker.submit(message())
        accepted += h.statistics.snapshot().drops[Drop.RATE_LIMITED] == before
    assert 40 <= accepted <= 41
    clock.time = 100.0  # a pause is not made up for by a burst
    burst = h.statistics.snapshot().drops[Drop.RATE_LIMITED]
    for _ in range(5):
        h.worker.submit(message())
    assert h.statistics.snapshot().drops[Drop.RATE_LIMITED] - burst == 4


def test_a_higher_rate_takes_effect_at_once(harness):
    clock = SimpleNamespace(time=0.0)
    h = harness(max_rate=0.01, now=lambda: clock.time)
    h.worker.submit(message())
    h.worker.max_rate = 30.0
    clock.time = 1.0
    h.worker.submit(message())
    assert h.statistics.snapshot().drops[Drop.RATE_LIMITED] == 0


def test_latency_and_age_are_measured_from_the_stamp(harness):
    h = harness()
    h.worker.submit(message(stamp_ns=NOW_NS - 250_000_000))
    h.published.get(timeout=10)
    assert h.worker.stop(10)
    snapshot = h.statistics.snapshot()
    assert snapshot.latency.p50 == pytest.approx(0.25)
    assert snapshot.image_age.p50 == pytest.approx(0.25)
