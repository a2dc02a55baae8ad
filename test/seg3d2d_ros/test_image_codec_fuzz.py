# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Thousands of faulty messages: each gives an image or one sentence, and none takes much memory."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from encoded_images import ENCODINGS, encoded
from mutated_messages import (
    EXTREME_NUMBERS,
    compressed_files,
    mutated_compressed_image,
    mutated_image,
    with_checksums,
    with_size,
)

from seg3d2d_ros.image_codec import (
    DEFAULT_MAX_IMAGE_PIXELS,
    ImageDecodeError,
    decode_compressed_image,
    decode_image,
)

IMAGES = 6000
COMPRESSED_IMAGES = 4000
MAX_PIXELS = 1_000_000
MEBIBYTE = 1 << 20


@pytest.fixture(autouse=True)
def no_cv_bridge(monkeypatch):
    """Unknown encodings are refused here, not given to what is no part of the package."""
    monkeypatch.setitem(sys.modules, "cv_bridge", None)


def outcome(decode: Callable, fields: dict, **options) -> str:
    """'decoded', or the sentence of the refusal; checks that it is one of the two."""
    try:
        image = decode(SimpleNamespace(**fields), **options)
    except ImageDecodeError as error:
        sentence = str(error)
        assert sentence.strip() == sentence and sentence.isprintable()
        assert 10 < len(sentence) < 500
        return sentence
    assert isinstance(image, np.ndarray) and image.dtype == np.uint8
    assert image.ndim == 3 and image.shape[2] == 3 and image.size
    return "decoded"


def grown_peak(action: Callable[[], object]) -> int:
    """Bytes by which the process's resident memory grew at most during an action."""
    clear, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    try:
        clear.write_text("5")  # sets the peak to the present size
    except OSError:
        pytest.skip("the kernel does not let this process measure its peak of memory")

    def peak() -> int:
        line = next(v for v in status.read_text().splitlines() if v.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    before = peak()
    action()
    return peak() - before


def test_mutated_images():
    outcomes, decoded = Counter(), set()

    def run() -> None:
        for seed in range(IMAGES):
            fields = mutated_image(seed)
            try:
                result = outcome(decode_image, fields, max_pixels=MAX_PIXELS)
            except Exception as error:
                pytest.fail(f"seed {seed}: {type(error).__name__}: {error}")
            outcomes[result == "decoded"] += 1
            if result == "decoded":
                decoded.add(fields["encoding"])

    assert grown_peak(run) < 64 * MEBIBYTE
    assert decoded == set(ENCODINGS)  # so it is no fuzzing of the first check alone
    assert min(outcomes[True], outcomes[False]) > IMAGES // 5


def test_mutated_compressed_images():
    outcomes = Counter()

    def run() -> None:
        for seed in range(COMPRESSED_IMAGES):
            fields = mutated_compressed_image(seed)
            try:
                result = outcome(decode_compressed_image, fields, max_pixels=MAX_PIXELS)
            except Exception as error:
                pytest.fail(f"seed {seed}: {type(error).__name__}: {error}")
            outcomes[result == "decoded"] += 1

    assert grown_peak(run) < 64 * MEBIBYTE
    assert min(outcomes[True], outcomes[False]) > COMPRESSED_IMAGES // 5


def test_every_bit_of_the_headers():
    # in the first bytes lie a PNG's size, depth and kind of colour
    for file in compressed_files():
        for bit in range(8 * 16, 8 * 29):
            data = bytearray(file)
            data[bit // 8] ^= 1 << (bit % 8)
            fields = {"format": "png", "data": with_checksums(bytes(data))}
            outcome(decode_compressed_image, fields, max_pixels=20_000)


def test_claims_of_huge_images_take_no_memory():
    small = encoded(np.zeros((2, 2, 3), np.uint8), "rgb8")

    def run() -> None:
        for encoding in (*ENCODINGS, "unknown"):
            for height in EXTREME_NUMBERS:
                for width in EXTREME_NUMBERS:
                    for step in (0, 6, 2**32 - 1):
                        size = {"height": height, "width": width, "step": step}
                        outcome(decode_image, small | size | {"encoding": encoding})
        for file in compressed_files():
            for size in [(65535, 65535), (2**31 - 1, 1), (1, 2**31 - 1), (8640, 7680)]:
                outcome(decode_compressed_image, {"format": "", "data": with_size(file, *size)})

    assert grown_peak(run) < 16 * MEBIBYTE


def test_largest_image_allowed_takes_bounded_memory():
    # a decoder must believe a size that is allowed; progressive JPEGs are kept as coefficients
    small = np.zeros((8, 8, 3), np.uint16)
    files = [
        cv2.imencode(".png", small)[1],
        cv2.imencode(".jpg", small.astype(np.uint8))[1],
        cv2.imencode(".jpg", small.astype(np.uint8), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1))[1],
    ]
    for file in files:
        fields = {"format": "", "data": with_size(file.tobytes(), 4320, 7680)}
        grown = grown_peak(lambda fields=fields: outcome(decode_compressed_image, fields))
        assert grown < 16 * DEFAULT_MAX_IMAGE_PIXELS
