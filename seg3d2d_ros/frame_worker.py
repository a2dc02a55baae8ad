# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The one thread that turns camera frames into label images."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.image_codec import ImageDecodeError
from seg3d2d_ros.mailbox import Mailbox
from seg3d2d_ros.parser import ParseFailure, ParseResult
from seg3d2d_ros.statistics import Drop, FrameStatistics

Image = npt.NDArray[np.uint8]


class FrameWorker:
    """Takes frames from a mailbox and decodes, parses and publishes them, one at a time.

    Whatever happens to one frame, the next is tried; every frame submitted is counted once.

    Args:
        decode: pixels of a message (raises :class:`ImageDecodeError`).
        parse: labels of an image.
        publish: called with message, image and result.
        statistics: counts the frames.
        stamp_now: the clock of the messages' stamps, in nanoseconds.
        report_fault: called with the reason of each undecodable frame and error.

    Attributes:
        enabled: frames are counted as ``disabled`` while this is false.
        max_image_age: seconds; older frames are not parsed. 0 = any age. A frame from the future,
            as after time jumped back, is no old frame.
        max_rate: frames accepted per second on average; 0 = all.
    """

    def __init__(
        self,
        *,
        decode: Callable[[Any], Image],
        parse: Callable[[Image], ParseResult | ParseFailure],
        publish: Callable[[Any, Image, ParseResult], None],
        statistics: FrameStatistics,
        stamp_now: Callable[[], int],
        report_fault: Callable[[str], None],
        max_image_age: float = 0.0,
        max_rate: float = 0.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._decode = decode
        self._parse = parse
        self._publish = publish
        self._statistics = statistics
        self._stamp_now = stamp_now
        self._report_fault = report_fault
        self._now = now
        self._next_due = -float("inf")
        self._mailbox: Mailbox[Any] = Mailbox()
        self._frame_in_work = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="frame-worker", daemon=True)
        self.enabled = True
        self.max_image_age = max_image_age
        self.max_rate = max_rate

    def start(self) -> None:
        """Start the thread; once per worker."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Stop after the frame in work; one that waits is counted as ``disabled``.

        Args:
            timeout: seconds to wait for the frame in work.

        Returns:
            Whether the thread has ended.
        """
        if self._mailbox.close():
            self._statistics.count_dropped(Drop.DISABLED)
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def between_frames(self, change: Callable[[], None], timeout: float) -> bool:
        """Change something while no frame is in work.

        Args:
            change: called in this thread.
            timeout: seconds to wait for the frame in work.

        Returns:
            Whether it was called.
        """
        if not self._frame_in_work.acquire(timeout=timeout):
            return False
        try:
            change()
        finally:
            self._frame_in_work.release()
        return True

    def submit(self, msg: Any) -> None:
        """Take a camera message; returns at once."""
        self._statistics.count_received()
        if not self.enabled:
            self._statistics.count_dropped(Drop.DISABLED)
        elif not self._is_due():
            self._statistics.count_dropped(Drop.RATE_LIMITED)
        elif self._mailbox.put(msg):
            self._statistics.count_dropped(Drop.SUPERSEDED)

    def _is_due(self) -> bool:
        if self.max_rate <= 0:
            return True
        now, period = self._now(), 1.0 / self.max_rate
        # a due time further off than a period stems from a lower rate
        if now < self._next_due <= now + period:
            return False
        # counting on from the due time keeps the average; after a pause it starts anew
        self._next_due = (now if abs(now - self._next_due) > period else self._next_due) + period
        return True

    def _run(self) -> None:
        while (msg := self._mailbox.take()) is not None:
            try:
                with self._frame_in_work:
                    self._process(msg)
            except ImageDecodeError as error:
                self._drop_faulty(Drop.UNDECODABLE, str(error))
            except Exception as error:  # a frame must never end the thread
                self._drop_faulty(Drop.ERROR, f"{type(error).__name__}: {error}")

    def _process(self, msg: Any) -> None:
        stamp = msg.header.stamp.sec * 1_000_000_000 + msg.header.stamp.nanosec
        age = (self._stamp_now() - stamp) * 1e-9
        if 0 < self.max_image_age < age:
            self._statistics.count_dropped(Drop.STALE)
            return
        start = self._now()
        image = self._decode(msg)
        result = self._parse(image)
        if isinstance(result, ParseFailure):
            self._drop_faulty(Drop.ERROR, result.reason)
            return
        parse_time = self._now() - start
        self._publish(msg, image, result)
        latency = (self._stamp_now() - stamp) * 1e-9
        self._statistics.count_parsed(latency_s=latency, image_age_s=age, parse_time_s=parse_time)

    def _drop_faulty(self, reason: Drop, text: str) -> None:
        self._statistics.count_dropped(reason, text)
        self._report_fault(f"image not parsed ({reason.value}): {text}")
