# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""SceneParser: an image in, a label image of its own size out. Knows nothing of ROS."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.backends import BackendError, create_backend
from seg3d2d_ros.bundle import InputSpec, ModelBundle


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
    """Seconds spent on one image."""

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
class ParseFailure:
    """Why one image could not be parsed, in one sentence. The parser stays usable."""

    reason: str


class SceneParser:
    """Parses images with the network of a bundle.

    Not thread-safe: one parser belongs to one thread at a time.

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

    def parse(
        self, image: npt.NDArray[np.uint8], *, with_confidence: bool = False
    ) -> ParseResult | ParseFailure:
        """Label every pixel of an image.

        Args:
            image: RGB, (H, W, 3) uint8, any size and strides.
            with_confidence: also compute the confidence image.
        """
        fault = _fault(image)
        if fault:
            return ParseFailure(fault)
        start = perf_counter()
        height, width = image.shape[:2]
        resized = resize_to_network(image, self.bundle.input)
        preprocessed = perf_counter()
        try:
            labels, confidence = self._backend.infer(resized, with_confidence=with_confidence)
        except BackendError as error:
            return ParseFailure(str(error))
        inferred = perf_counter()
        labels = labels.astype(self.bundle.label_space.dtype, copy=False)
        labels = resize_nearest(labels, height, width)
        if confidence is not None:
            confidence = resize_nearest(confidence, height, width)
        done = perf_counter()
        timings = Timings(preprocessed - start, inferred - preprocessed, done - inferred)
        return ParseResult(labels, confidence, timings)

    def parse_batch(
        self, images: Sequence[npt.NDArray[np.uint8]], *, with_confidence: bool = False
    ) -> list[ParseResult | ParseFailure]:
        """Label several images, in order; each as :meth:`parse` does, of any sizes."""
        return [self.parse(image, with_confidence=with_confidence) for image in images]


def network_size(spec: InputSpec, height: int, width: int) -> tuple[int, int]:
    """Size (height, width) at which the network sees an image.

    Near the bundle's input area and the image's aspect ratio, with sides that are multiples of the
    bundle's; of the roundings up and down of each side the one is taken that distorts least, a
    change of aspect ratio counting twice a change of area. Under a 288x384 input with multiple 32
    a VGA image is seen at 288x384, a 1080p one at 256x448. No side exceeds four times the larger
    side of the input size, which bounds memory for images like thin strips.
    """
    scale = math.sqrt(spec.height * spec.width / (height * width))
    longest = 4 * max(spec.height, spec.width) // spec.multiple

    def roundings(side: int) -> list[int]:
        units = side * scale / spec.multiple
        return [min(max(n, 1), longest) for n in (math.floor(units), math.ceil(units))]

    def distortion(size: tuple[int, int]) -> float:
        log_height = math.log(size[0] * spec.multiple / (height * scale))
        log_width = math.log(size[1] * spec.multiple / (width * scale))
        return 2 * abs(log_height - log_width) + abs(log_height + log_width)

    best = min(itertools.product(roundings(height), roundings(width)), key=distortion)
    return best[0] * spec.multiple, best[1] * spec.multiple


def resize_to_network(image: npt.NDArray[np.uint8], spec: InputSpec) -> npt.NDArray[np.uint8]:
    """An image (H, W, 3) at :func:`network_size`, C-contiguous: area-averaged when shrunk."""
    height, width = network_size(spec, *image.shape[:2])
    if (height, width) == image.shape[:2]:
        return np.ascontiguousarray(image)
    shrinks = height * width < image.shape[0] * image.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: npt.NDArray[np.uint8] = cv2.resize(image, (width, height), interpolation=interpolation)
    return resized


def resize_nearest(labels: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[Any]:
    """A label image at another size by nearest neighbour, pixel centres at half integers."""
    if labels.shape == (height, width):
        return np.ascontiguousarray(labels)
    resized: npt.NDArray[Any] = cv2.resize(
        labels, (width, height), interpolation=cv2.INTER_NEAREST_EXACT
    )
    return resized


def _fault(image: npt.NDArray[np.uint8]) -> str:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3:
        return "the image is no uint8 array of shape (height, width, 3)"
    if image.shape[2] != 3 or image.size == 0:
        return f"the image has the shape {image.shape}; expected (height, width, 3), none of them 0"
    return ""
