# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What was seen on the topics during a demo, kept small."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]

MAX_KEPT_FRAMES = 300
"""Frames kept as pictures, which bounds memory and the length of the video."""

_MAX_WIDTH, _MAX_HEIGHT = 640, 480
_QUALITY = 95
_LABEL_STRIDE = 4
"""Of the labels only every so many are counted for the classes' shares."""


class Observations:
    """Pictures and times by the stamp of the camera image they belong to.

    Pictures are scaled to at most 640x480 and kept as JPEG, by a thread, so that what takes the
    messages is free for the next. Use it as a context manager; read it after the end.

    Attributes:
        labels: number of label images seen.
        images: number of camera images seen.
        latencies_s: from a camera image's stamp to the arrival of its labels.
        label_times_s: arrivals of labels, monotonic seconds.
        class_pixels: pixels by class id, of a sample of all labels.
    """

    def __init__(self) -> None:
        self.labels = 0
        self.images = 0
        self.latencies_s: list[float] = []
        self.label_times_s: list[float] = []
        self.class_pixels: npt.NDArray[np.int64] = np.zeros(65536, np.int64)
        self._pictures: dict[str, dict[int, Future[bytes]]] = {"image": {}, "overlay": {}}
        self._encoder = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")

    def __enter__(self) -> Observations:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._encoder.shutdown(cancel_futures=True)

    def add_image(self, stamp_ns: int, image: Image) -> None:
        """A camera image, RGB (H, W, 3) uint8."""
        self.images += 1
        self._keep("image", stamp_ns, image)

    def add_overlay(self, stamp_ns: int, overlay: Image) -> None:
        """An overlay, RGB (H, W, 3) uint8."""
        self._keep("overlay", stamp_ns, overlay)

    def add_labels(self, labels: npt.NDArray[Any], latency_s: float, now_s: float) -> None:
        """A label image, (H, W)."""
        self.labels += 1
        self.latencies_s.append(latency_s)
        self.label_times_s.append(now_s)
        sample = labels[::_LABEL_STRIDE, ::_LABEL_STRIDE]
        self.class_pixels += np.bincount(sample.ravel(), minlength=65536)

    @property
    def labels_per_second(self) -> float:
        """From the first label image to the last; 0 with less than two."""
        if self.labels < 2:
            return 0.0
        return (self.labels - 1) / (self.label_times_s[-1] - self.label_times_s[0])

    def present_classes(self, num_classes: int, least_share: float = 0.002) -> list[int]:
        """Ids of the classes that make up at least a share of all pixels."""
        counts = self.class_pixels[:num_classes]
        return [int(k) for k in np.flatnonzero(counts > least_share * self.class_pixels.sum())]

    def stamps(self) -> list[int]:
        """Stamps of the frames kept as image and overlay, in order."""
        return sorted(self._pictures["image"].keys() & self._pictures["overlay"].keys())

    def image(self, stamp_ns: int) -> Image:
        """A camera image kept, RGB."""
        return _decode(self._pictures["image"][stamp_ns].result())

    def overlays(self) -> Iterator[Image]:
        """All overlays kept, RGB, in the order of their stamps."""
        for stamp_ns in sorted(self._pictures["overlay"]):
            yield self.overlay(stamp_ns)

    def overlay(self, stamp_ns: int) -> Image:
        """An overlay kept, RGB."""
        return _decode(self._pictures["overlay"][stamp_ns].result())

    def _keep(self, kind: str, stamp_ns: int, image: Image) -> None:
        pictures = self._pictures[kind]
        if len(pictures) < MAX_KEPT_FRAMES:
            pictures[stamp_ns] = self._encoder.submit(_encode, image)


def _encode(image: Image) -> bytes:
    height, width = image.shape[:2]
    scale = min(1.0, _MAX_WIDTH / width, _MAX_HEIGHT / height)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()


def _decode(data: bytes) -> Image:
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    rgb: Image = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return rgb
