# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Frames from a video file, as far as OpenCV's decoders go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2

from seg3d2d_ros.bag.frame_source import (
    DEFAULT_FRAME_ID,
    Frame,
    FrameFault,
    FrameSource,
    FrameSourceError,
)

_FALLBACK_RATE = 30.0


class VideoSource(FrameSource):
    """Frames of a video, stamped with their time from its start."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        capture = self._open()
        try:
            self._count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            rate = capture.get(cv2.CAP_PROP_FPS)
            if not capture.grab():
                raise FrameSourceError(
                    f"{path} holds no frame that OpenCV can decode; convert it, for example with "
                    "ffmpeg -i INPUT -c:v libx264 OUTPUT.mp4"
                )
        finally:
            capture.release()
        self._rate = rate if 0 < rate <= 1000 else _FALLBACK_RATE

    def __len__(self) -> int:
        return max(self._count, 0)

    def _open(self) -> cv2.VideoCapture:
        # OpenCV 4.5, as in Ubuntu 22.04, has no such setting
        logging = getattr(cv2.utils, "logging", None)
        level = logging.setLogLevel(logging.LOG_LEVEL_SILENT) if logging else None
        try:
            # only FFmpeg: the other readers take names with numbers for image sequences
            capture = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        finally:
            if logging:
                logging.setLogLevel(level)
        if not capture.isOpened():
            raise FrameSourceError(
                f"{self.path} is no image, bag or video that OpenCV can read; give one of these"
            )
        return capture

    def _read(self) -> Iterator[Frame | FrameFault]:
        capture = self._open()
        try:
            index, last_ns = 0, -1
            while True:
                grabbed, image = capture.read()
                if not grabbed:
                    return
                stamp_ns = round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
                if stamp_ns <= last_ns:  # containers without stamps
                    stamp_ns = max(round(index * 1e9 / self._rate), last_ns + 1)
                last_ns = stamp_ns
                rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                yield Frame(stamp_ns, rgb, f"{index:06d}", DEFAULT_FRAME_ID)
                index += 1
        finally:
            capture.release()
