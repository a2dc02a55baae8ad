# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The image codec against cv_bridge's decoding, encoding by encoding."""

from __future__ import annotations

import argparse
import array
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from bench.cv_bridge_decoding import ENCODINGS, CvBridgeDecoding
from bench.recorded_images import image_size, recorded_images
from bench.report import Report, add_out_argument, percentiles
from seg3d2d_ros.image_codec import decode_compressed_image, decode_image

NAME = "codec"
MEASURED = """From a message, its data an array.array as rclpy gives it, to RGB pixels, in one
process. The two take turns message by message, the order changing. speed_up: ratio of the medians,
cv_bridge's decoding by ours; an encoding that one of them does not decode has none, and
not_decoded says why. greatest_difference: over all pixels, of 255."""

COLUMNS = {
    "size": "size",
    "encoding": "encoding",
    "messages": "messages",
    "decoded_by_ours": "by ours",
    "decoded_by_cv_bridge": "by cv_bridge",
    "ours_p50_ms": "ours p50 ms",
    "ours_p95_ms": "p95 ms",
    "cv_bridge_p50_ms": "cv_bridge p50 ms",
    "cv_bridge_p95_ms": "p95 ms",
    "speed_up": "x cv_bridge",
    "greatest_difference": "difference",
}

Pixels = npt.NDArray[np.uint8]
Decode = Callable[[Any], Pixels]
_DISTINCT_IMAGES = 6
UNKNOWN_TO_CV_BRIDGE = ("uyvy", "yuyv")
"""The newer names of ``yuv422`` and ``yuv422_yuy2``."""
UNNAMED_CHANNELS = ("8UC3",)
"""Encodings that don't say which channel is which colour."""


@dataclass(frozen=True)
class Case:
    """Messages of one encoding and what decodes them."""

    encoding: str
    messages: list[SimpleNamespace]
    ours: Decode
    theirs: Decode


def main() -> int:
    """Measure. Returns the exit status."""
    arguments = parse_arguments()
    report = Report(NAME, MEASURED, vars(arguments))
    decoding = CvBridgeDecoding()
    report.add_note(f"'cv_bridge' is {decoding.by}")
    failed = 0
    for width, height in arguments.sizes:
        images = recorded_images(_DISTINCT_IMAGES, width, height)
        for case in cases(images, decoding):
            failed += measure(report, f"{width}x{height}", case, arguments.messages)
    report.require("messages not decoded, of encodings that are", failed, at_most=0)
    return report.finish(arguments.out, COLUMNS)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=image_size, default=[(640, 480), (1920, 1080)])
    parser.add_argument(
        "--messages", type=int, default=300, help="of each encoding and size (%(default)s)"
    )
    add_out_argument(parser, NAME)
    return parser.parse_args()


def cases(images: list[Pixels], decoding: CvBridgeDecoding) -> Iterator[Case]:
    """All encodings, the raw ones and JPEG and PNG."""
    for encoding in (*ENCODINGS, *UNKNOWN_TO_CV_BRIDGE, *UNNAMED_CHANNELS):
        messages = [raw_message(image, encoding) for image in images]
        yield Case(encoding, messages, decode_image, decoding.image)
    for suffix in ("jpeg", "png"):
        messages = [compressed_message(image, suffix) for image in images]
        yield Case(suffix, messages, decode_compressed_image, decoding.compressed_image)


def raw_message(image: Pixels, encoding: str) -> SimpleNamespace:
    """A sensor_msgs/Image in little-endian order, as a camera of this encoding would send it."""
    pixels = np.ascontiguousarray(encode(image, encoding))
    return SimpleNamespace(
        height=image.shape[0],
        width=image.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=pixels[0].nbytes,
        data=array.array("B", pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()),
    )


def encode(image: Pixels, encoding: str) -> npt.NDArray[Any]:
    """RGB pixels (H, W, 3) in another encoding, one array row for each row of the image."""
    if encoding in ("yuv422", "uyvy"):
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_UYVY))
    if encoding in ("yuv422_yuy2", "yuyv"):
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_YUYV))
    conversions = {
        "mono": cv2.COLOR_RGB2GRAY,
        "bgra": cv2.COLOR_RGB2BGRA,
        "rgba": cv2.COLOR_RGB2RGBA,
        "bgr": cv2.COLOR_RGB2BGR,
    }
    kind = encoding.rstrip("0123456789")
    if kind.startswith("bayer"):
        converted: npt.NDArray[Any] = mosaic(image, kind.removeprefix("bayer_"))
    else:
        converted = cv2.cvtColor(image, conversions[kind]) if kind in conversions else image
    return converted.astype(np.uint16) * 257 if encoding.endswith("16") else np.asarray(converted)


def mosaic(image: Pixels, pattern: str) -> Pixels:
    """Each pixel's one colour under a filter whose first two rows begin with ``pattern``."""
    plane = np.empty(image.shape[:2], np.uint8)
    for position, color in enumerate(pattern):
        rows, columns = slice(position // 2, None, 2), slice(position % 2, None, 2)
        plane[rows, columns] = image[rows, columns, "rgb".index(color)]
    return plane


def compressed_message(image: Pixels, suffix: str) -> SimpleNamespace:
    """A sensor_msgs/CompressedImage."""
    _, data = cv2.imencode(f".{suffix}", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return SimpleNamespace(
        format=f"rgb8; {suffix} compressed bgr8", data=array.array("B", data.tobytes())
    )


def measure(report: Report, size: str, case: Case, count: int) -> int:
    """Add the row of one encoding. Returns how many messages failed of those that should not."""
    decoders, faults = {"ours": case.ours, "cv_bridge": case.theirs}, {}
    for name, decode in list(decoders.items()):
        try:
            decode(case.messages[0])
        except Exception as error:  # cv_bridge raises what it likes
            faults[name] = " ".join(f"{type(error).__name__}: {error}".split())
            del decoders[name]
    times: dict[str, list[float]] = {"ours": [], "cv_bridge": []}
    failed = 0
    for number in range(count):
        message = case.messages[number % len(case.messages)]
        turn = list(decoders.items())
        for name, decode in turn if number % 2 == 0 else reversed(turn):
            start = time.perf_counter()
            try:
                decode(message)
            except Exception:  # as above; the first message was decoded
                failed += 1
                continue
            times[name].append((time.perf_counter() - start) * 1e3)
    both = bool(times["ours"] and times["cv_bridge"])
    report.add_row(
        size=size,
        encoding=case.encoding,
        messages=count,
        decoded_by_ours=len(times["ours"]),
        decoded_by_cv_bridge=len(times["cv_bridge"]),
        failed=failed,
        **percentiles(times["ours"], "ours"),
        **percentiles(times["cv_bridge"], "cv_bridge"),
        speed_up=float(np.median(times["cv_bridge"]) / np.median(times["ours"])) if both else None,
        greatest_difference=greatest_difference(case) if both else None,
        not_decoded=faults,
    )
    return failed


def greatest_difference(case: Case) -> int:
    """Between the two's pixels, over all messages."""
    return max(
        int(np.abs(case.ours(message).astype(int) - case.theirs(message).astype(int)).max())
        for message in case.messages
    )


if __name__ == "__main__":
    sys.exit(main())
