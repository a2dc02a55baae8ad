# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""From sensor_msgs Image and CompressedImage to RGB arrays.

Works on anything with the messages' attributes (rclpy messages, ``rosbags`` dataclasses), so it
needs no ROS. Our own decoding covers what cameras send most; ``cv_bridge`` is asked for the rest,
because its Python package depends on the NumPy it was built with and is missing on many machines.
"""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.compressed_header import CompressedHeaderError, read_compressed_header

DEFAULT_MAX_IMAGE_PIXELS = 7680 * 4320
"""Pixels of an 8K image."""

_CONVERSIONS = {
    "rgb8": (3, None),
    "bgr8": (3, cv2.COLOR_BGR2RGB),
    "rgba8": (4, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, cv2.COLOR_BGRA2RGB),
    "mono8": (1, cv2.COLOR_GRAY2RGB),
}
"""Channels (bytes per pixel) and OpenCV conversion to RGB of the encodings decoded here."""


class ImageDecodeError(ValueError):
    """An image message can't be turned into pixels; the message is one sentence."""


def decode_image(msg: Any, *, max_pixels: int = DEFAULT_MAX_IMAGE_PIXELS) -> npt.NDArray[np.uint8]:
    """Pixels of a sensor_msgs/Image.

    Args:
        msg: has ``height``, ``width``, ``encoding``, ``is_bigendian``, ``step`` and ``data``.
        max_pixels: larger images are refused.

    Returns:
        RGB, (height, width, 3) uint8. For ``rgb8`` a view of the message's memory, with its
        ``step`` as row stride; don't write to it.

    Raises:
        ImageDecodeError: if the fields contradict each other, the image is too large, or nothing
            installed knows its encoding.
    """
    height, width, step, encoding = int(msg.height), int(msg.width), int(msg.step), msg.encoding
    _check_size(height, width, max_pixels)
    if encoding not in _CONVERSIONS:
        return _decode_with_cv_bridge(msg)
    channels, conversion = _CONVERSIONS[encoding]
    if step < width * channels:
        raise ImageDecodeError(
            f"image step is {step} bytes, but a row of {width} {encoding} pixels takes "
            f"{width * channels}; the camera driver fills the message wrongly"
        )
    data = _bytes_of(msg.data)
    if data.size < step * height:
        raise ImageDecodeError(
            f"image data holds {data.size} bytes, but {height} rows of step {step} take "
            f"{step * height}; the image was cut off or the camera driver fills it wrongly"
        )
    pixels: npt.NDArray[np.uint8] = np.ndarray(
        (height, width, channels), np.uint8, buffer=data, strides=(step, channels, 1)
    )
    return pixels if conversion is None else _to_rgb(pixels, conversion)


def decode_compressed_image(
    msg: Any, *, max_pixels: int = DEFAULT_MAX_IMAGE_PIXELS
) -> npt.NDArray[np.uint8]:
    """Pixels of a sensor_msgs/CompressedImage that holds a JPEG or PNG.

    The content decides which, not ``format``, which drivers fill in many ways. An EXIF orientation
    is ignored: pixels stay where the camera info and the depth image have them.

    Args:
        msg: has ``format`` and ``data``.
        max_pixels: larger images are refused before they are decoded.

    Returns:
        RGB, (height, width, 3) uint8; 16-bit content is scaled to 8 bits.

    Raises:
        ImageDecodeError: if the data are empty, cut off, damaged, too large or of another format.
    """
    data = _bytes_of(msg.data)
    if "compressedDepth" in msg.format:
        raise ImageDecodeError(
            f"compressed image has format '{msg.format}', which is depth; give the colour camera"
        )
    try:
        header = read_compressed_header(data.data)
    except CompressedHeaderError as error:
        raise ImageDecodeError(f"compressed image (format '{msg.format}'): {error}") from error
    _check_size(header.height, header.width, max_pixels)
    bgr = _imdecode(data)
    if bgr is None or bgr.shape[:2] != (header.height, header.width):
        raise ImageDecodeError(
            f"{header.kind} image of {header.width}x{header.height} pixels can't be decoded; its "
            "data are damaged"
        )
    return _to_rgb(bgr, cv2.COLOR_BGR2RGB)


def _imdecode(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8] | None:
    try:
        return cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:  # raised for some damaged headers where others give None
        return None


def _check_size(height: int, width: int, max_pixels: int) -> None:
    if height < 1 or width < 1:
        raise ImageDecodeError(f"image is {width}x{height} pixels, so it holds nothing")
    if height * width > max_pixels:
        raise ImageDecodeError(
            f"image of {width}x{height} pixels is larger than the {max_pixels} pixels allowed; "
            "lower the camera's resolution or raise max_image_pixels"
        )


def _bytes_of(data: Any) -> npt.NDArray[np.uint8]:
    """The message's bytes, not copied: array.array, bytes and ndarray all offer a buffer."""
    if isinstance(data, (list, tuple)):  # what JSON and some bridges give
        return np.array(data, np.uint8)
    return np.frombuffer(data, np.uint8)


def _to_rgb(pixels: npt.NDArray[np.uint8], conversion: int) -> npt.NDArray[np.uint8]:
    rgb: npt.NDArray[np.uint8] = cv2.cvtColor(pixels, conversion)
    return rgb


def _decode_with_cv_bridge(msg: Any) -> npt.NDArray[np.uint8]:
    encoding = msg.encoding
    if msg.is_bigendian and re.search("16|32|64", encoding):
        raise ImageDecodeError(
            f"image encoding '{encoding}' comes big-endian, which is not decoded; let the camera "
            f"publish little-endian or one of {', '.join(_CONVERSIONS)}"
        )
    try:
        from cv_bridge import CvBridge
    except Exception as error:  # built for another NumPy, it fails with more than ImportError
        raise ImageDecodeError(
            f"image encoding '{encoding}' needs the package cv_bridge, which can't be imported "
            f"({_one_line(error)}); install ros-$ROS_DISTRO-cv-bridge, or let the camera publish "
            f"one of {', '.join(_CONVERSIONS)}"
        ) from error
    try:
        rgb = np.ascontiguousarray(CvBridge().imgmsg_to_cv2(msg, "rgb8"))
    except Exception as error:  # CvBridgeError, cv2.error, and KeyError for unknown names
        raise ImageDecodeError(
            f"image encoding '{encoding}' can't be converted to RGB by cv_bridge "
            f"({_one_line(error)}); let the camera publish one of {', '.join(_CONVERSIONS)}"
        ) from error
    if rgb.dtype != np.uint8 or rgb.shape != (msg.height, msg.width, 3):
        raise ImageDecodeError(
            f"cv_bridge turned image encoding '{encoding}' into {rgb.dtype} of shape {rgb.shape}, "
            f"not into RGB; let the camera publish one of {', '.join(_CONVERSIONS)}"
        )
    return rgb


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
