# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""When each frame of a recording is due while it is played."""

from __future__ import annotations

from collections.abc import Iterator

from seg3d2d_ros.bag.frame_source import Frame, FrameSource

_FALLBACK_PERIOD_S = 1 / 15
"""Between the only frame of a recording and itself, played again."""


def scheduled_frames(
    source: FrameSource, *, rate: float | None = None, loop: bool = False
) -> Iterator[tuple[float, Frame]]:
    """Frames with the seconds from the start at which they are due.

    Due times count from the start, not from frame to frame, so that delays don't add up. Where the
    stamps jump back, frames are due at once.

    Args:
        source: the recording.
        rate: frames per second; as recorded if not given.
        loop: begin again at the end, for ever; ends if a pass gives no frame.
    """
    start_s = 0.0
    while True:
        due_s, period_s = start_s, _FALLBACK_PERIOD_S
        first_ns: int | None = None
        for index, frame in enumerate(source):
            first_ns = frame.stamp_ns if first_ns is None else first_ns
            elapsed_s = index / rate if rate else (frame.stamp_ns - first_ns) * 1e-9
            next_s = max(start_s + elapsed_s, due_s)
            period_s = (next_s - start_s) / index if index else period_s
            due_s = next_s
            yield due_s, frame
        if not loop or first_ns is None:
            return
        start_s = due_s + (1 / rate if rate else period_s)
