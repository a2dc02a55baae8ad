# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""SceneParser: an image in, a label image of its own size out. Knows nothing of ROS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.backends import BackendError, create_backend
from seg3d2d_ros.bundle import ModelBundle
from seg3d2d_ros.resizing import resize_nearest, resize_to_network


class ParserError(Exception):
    """A SceneParser can't be made with the configuration given; the message is one sentence."""


@dataclass(frozen=True)
class ParserConfig:
    """How to run a model; the choices are those of :func:`seg3d2d_ros.backends.create_backend`."""

    backend: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0


@dataclass(frozen=True)
class Timings:
    """Seconds spent on one image; what a backend resizes on its device is its time."""

    preprocess_s: float
    backend_s: float
    postprocess_s: float

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.preprocess_s + self.backend_s + self.postprocess_s


@dataclass(frozen=True)
class ParseResult:
    """What was seen in one image.

    Attributes:
        labels: (H, W) of the image given, uint8 (uint16 beyond 255 classes), C-contiguous.
        confidence: (H, W) uint8, calibrated probability of the label times 255; None unless asked.
        timings: where the time went.
    """

    labels: npt.NDArray[Any]
    confidence: npt.NDArray[np.uint8] | None
    timings: Timings


@dataclass(frozen=True)
class PreparedImage:
    """What :meth:`SceneParser.prepare` makes of an image.

    Attributes:
        pixels: what the backend takes, RGB, (h, w, 3) uint8; of an image of the network's size, or
            where the backend resizes on its device, the image itself.
        height: of the image.
        width: of the image.
        preprocess_s: seconds spent.
    """

    pixels: npt.NDArray[np.uint8]
    height: int
    width: int
    preprocess_s: float


@dataclass(frozen=True)
class ParseFailure:
    """Why one image could not be parsed, in one sentence. The parser stays usable."""

    reason: str


class SceneParser:
    """Parses images with the network of a bundle.

    Not thread-safe but for ``prepare``: one parser belongs to one thread at a time.

    Raises:
        ParserError: if the backend, device or precision can't be had here.
        BundleError: if the bundle's weights don't fit, or were altered.
    """

    def __init__(self, bundle: ModelBundle, config: ParserConfig | None = None) -> None:
        config = config or ParserConfig()
        self.bundle = bundle
        try:
            self._backend = create_backend(
                bundle,
                name=config.backend,
                device=config.device,
                precision=config.precision,
                threads=config.threads,
            )
        except BackendError as error:
            raise ParserError(str(error)) from error
        self.warm_up(bundle.input.height, bundle.input.width)

    @property
    def backend_name(self) -> str:
        """The backend that ``auto`` took, or that was asked for."""
        return self._backend.name

    @property
    def device(self) -> str:
        """The device taken: ``cpu`` or ``cuda:<index>``."""
        return self._backend.device

    @property
    def precision(self) -> str:
        """Arithmetic of the network."""
        return self._backend.precision

    def warm_up(self, height: int, width: int, *, with_confidence: bool = False) -> None:
        """Compile and allocate for images of a size, so that the first one is not the slowest.

        Raises:
            ParserError: if the network fails on an image of this size.
        """
        result = self.parse(np.zeros((height, width, 3), np.uint8), with_confidence=with_confidence)
        if isinstance(result, ParseFailure):
            raise ParserError(f"bundle {self.bundle.path} does not run: {result.reason}")

    def prepare(self, image: npt.NDArray[np.uint8]) -> PreparedImage | ParseFailure:
        """The first part of :meth:`parse`, which another thread can do meanwhile.

        Args:
            image: RGB, (H, W, 3) uint8, any size and strides; not to be written to until parsed.
        """
        fault = _fault(image)
        if fault:
            return ParseFailure(fault)
        start = perf_counter()
        # A backend that resizes on its device has nothing but finished labels cross to the host.
        resizes = self._backend.resizes
        pixels = image if resizes else resize_to_network(image, self.bundle.input)
        height, width = image.shape[:2]
        return PreparedImage(pixels, height, width, perf_counter() - start)

    def parse(
        self, image: npt.NDArray[np.uint8] | PreparedImage, *, with_confidence: bool = False
    ) -> ParseResult | ParseFailure:
        """Label every pixel of an image.

        Args:
            image: RGB, (H, W, 3) uint8, any size and strides; or what :meth:`prepare` made of it.
            with_confidence: also compute the confidence image.
        """
        prepared = image if isinstance(image, PreparedImage) else self.prepare(image)
        if isinstance(prepared, ParseFailure):
            return prepared
        start = perf_counter()
        try:
            labels, confidence = self._backend.infer(
                prepared.pixels, with_confidence=with_confidence
            )
        except BackendError as error:
            return ParseFailure(str(error))
        inferred = perf_counter()
        labels = labels.astype(self.bundle.label_space.dtype, copy=False)
        if not self._backend.resizes:
            labels = resize_nearest(labels, prepared.height, prepared.width)
            if confidence is not None:
                confidence = resize_nearest(confidence, prepared.height, prepared.width)
        done = perf_counter()
        timings = Timings(prepared.preprocess_s, inferred - start, done - inferred)
        return ParseResult(labels, confidence, timings)

    def parse_batch(
        self, images: Sequence[npt.NDArray[np.uint8]], *, with_confidence: bool = False
    ) -> list[ParseResult | ParseFailure]:
        """Label several images, in order; each as :meth:`parse` does, of any sizes."""
        return [self.parse(image, with_confidence=with_confidence) for image in images]


def _fault(image: npt.NDArray[np.uint8]) -> str:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3:
        return "the image is no uint8 array of shape (height, width, 3)"
    if image.shape[2] != 3 or image.size == 0:
        return f"the image has the shape {image.shape}; expected (height, width, 3), none of them 0"
    return ""
