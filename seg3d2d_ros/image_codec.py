# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""From sensor_msgs Image and CompressedImage to RGB arrays.

Works on anything with the messages' attributes (rclpy messages, ``rosbags`` dataclasses), so it
needs no ROS. The encodings of :mod:`seg3d2d_ros.image_encodings` are decoded here; ``cv_bridge`` is
asked for names that are not among them, because its Python package depends on the NumPy it was
built with and is missing on many machines.
"""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.compressed_header import CompressedHeaderError, read_compressed_header
from seg3d2d_ros.image_encodings import (
    IMAGE_ENCODINGS,
    ImageEncoding,
    Raster,
    refusal,
    to_8_bits,
)

DEFAULT_MAX_IMAGE_PIXELS = 7680 * 4320
"""Pixels of an 8K image."""

_ADVICE = "let the camera publish rgb8, bgr8 or mono8"
_DRIVER = "the camera driver fills the message wrongly"


class ImageDecodeError(ValueError):
    """An image message can't be turned into pixels; the message is one sentence."""


def decode_image(msg: Any, *, max_pixels: int = DEFAULT_MAX_IMAGE_PIXELS) -> npt.NDArray[np.uint8]:
    """Pixels of a sensor_msgs/Image.

    Args:
        msg: has ``height``, ``width``, ``encoding``, ``is_bigendian``, ``step`` and ``data``.
        max_pixels: larger images are refused.

    Returns:
        RGB, (height, width, 3) uint8; how each encoding becomes that is said in
        :mod:`seg3d2d_ros.image_encodings`. For ``rgb8`` a view of the message's memory, with its
        ``step`` as row stride; don't write to it.

    Raises:
        ImageDecodeError: if the fields contradict each other, the image is too large, its encoding
            is none of colour or grey images, or nothing installed knows it.
    """
    height, width, step = int(msg.height), int(msg.width), int(msg.step)
    _check_size(height, width, max_pixels)
    if (reason := refusal(msg.encoding)) is not None:
        raise ImageDecodeError(f"image encoding {_quoted(msg.encoding)} {reason}")
    encoding = IMAGE_ENCODINGS.get(msg.encoding)
    if encoding is None:
        return _decode_with_cv_bridge(msg)
    _check_fit(msg.encoding, encoding, height, width)
    if step < width * encoding.pixel_bytes:
        raise ImageDecodeError(
            f"image step is {step} bytes, but a row of {width} {msg.encoding} pixels takes "
            f"{width * encoding.pixel_bytes}; {_DRIVER}"
        )
    data = _bytes_of(msg.data)
    size = step * encoding.rows_of_data(height)
    if data.size < size:
        raise ImageDecodeError(
            f"image data holds {data.size} bytes, but {height} {msg.encoding} rows of step {step} "
            f"take {size}; the image was cut off or {_DRIVER}"
        )
    return encoding.to_rgb(Raster(data, height, width, step, bool(msg.is_bigendian)))


def decode_compressed_image(
    msg: Any, *, max_pixels: int = DEFAULT_MAX_IMAGE_PIXELS
) -> npt.NDArray[np.uint8]:
    """Pixels of a sensor_msgs/CompressedImage that holds a JPEG or PNG.

    The content decides which, not ``format``, which drivers fill in many ways. An EXIF orientation
    is ignored: pixels stay where the camera info and the depth image have them. Where ``format``
    names a Bayer encoding and no conversion, as compressed_image_transport does for PNG, the grey
    content is the sensor's mosaic and its colours are interpolated.

    Args:
        msg: has ``format`` and ``data``.
        max_pixels: larger images are refused before they are decoded.

    Returns:
        RGB, (height, width, 3) uint8; grey is repeated, 16-bit content is scaled to 8 bits as that
        of an Image is, transparency is dropped.

    Raises:
        ImageDecodeError: if the data are empty, cut off, damaged, too large or of another format,
            or ``format`` says that they are depth.
    """
    data = _bytes_of(msg.data)
    encoding, _, compression = msg.format.partition(";")
    if "compressedDepth" in msg.format or encoding in ("16UC1", "32FC1"):
        raise ImageDecodeError(
            f"compressed image has format {_quoted(msg.format)}, which is depth; give the colour "
            "camera"
        )
    try:
        header = read_compressed_header(data.data)
    except CompressedHeaderError as error:
        raise ImageDecodeError(
            f"compressed image (format {_quoted(msg.format)}): {error}"
        ) from error
    _check_size(header.height, header.width, max_pixels)
    pixels = _imdecode(data)
    if pixels is None or pixels.shape[:2] != (header.height, header.width):
        raise ImageDecodeError(
            f"{header.kind} image of {header.width}x{header.height} pixels can't be decoded; its "
            "data are damaged, or of a rare kind that OpenCV does not read"
        )
    pixels = to_8_bits(pixels)
    if pixels.ndim == 3:
        return _to_rgb(pixels, cv2.COLOR_BGR2RGB)
    if encoding.startswith("bayer_") and compression.strip().endswith("compressed"):
        return _demosaic(pixels, encoding)
    return _to_rgb(pixels, cv2.COLOR_GRAY2RGB)


def _demosaic(mosaic: npt.NDArray[np.uint8], encoding: str) -> npt.NDArray[np.uint8]:
    height, width = mosaic.shape
    name = re.sub("16$", "8", encoding)  # it has been scaled
    if name not in IMAGE_ENCODINGS:
        raise ImageDecodeError(f"compressed image is of the unknown pattern {_quoted(encoding)}")
    _check_fit(name, IMAGE_ENCODINGS[name], height, width)
    return IMAGE_ENCODINGS[name].to_rgb(Raster(mosaic.reshape(-1), height, width, width, False))


def _imdecode(data: npt.NDArray[np.uint8]) -> npt.NDArray[Any] | None:
    """(H, W) or (H, W, 3) BGR, uint8 or uint16, None if that fails."""
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        return cv2.imdecode(data, flags)
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


def _check_fit(name: str, encoding: ImageEncoding, height: int, width: int) -> None:
    if height % encoding.row_unit or width % encoding.column_unit:
        even = "width and height are" if encoding.row_unit > 1 else "width is"
        raise ImageDecodeError(
            f"image of {width}x{height} pixels can't be {name}, whose {even} even because pixels "
            f"share their colour; {_DRIVER}"
        )
    if min(height, width) < encoding.smallest:
        raise ImageDecodeError(
            f"image of {width}x{height} pixels is too small for {name}, whose colours are "
            f"interpolated among at least {encoding.smallest}x{encoding.smallest}; {_DRIVER}"
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
    encoding = _quoted(msg.encoding)
    if msg.is_bigendian and re.search("16|32|64", msg.encoding):
        raise ImageDecodeError(
            f"image encoding {encoding} comes big-endian, which is not decoded; {_ADVICE}"
        )
    try:
        from cv_bridge import CvBridge
    except Exception as error:  # built for another NumPy, it fails with more than ImportError
        raise ImageDecodeError(
            f"image encoding {encoding} needs the package cv_bridge, which can't be imported "
            f"({_one_line(error)}); {_ADVICE}, or install ros-$ROS_DISTRO-cv-bridge"
        ) from error
    try:
        rgb = np.ascontiguousarray(CvBridge().imgmsg_to_cv2(msg, "rgb8"))
    except Exception as error:  # CvBridgeError, cv2.error, and KeyError for unknown names
        raise ImageDecodeError(
            f"image encoding {encoding} can't be converted to RGB by cv_bridge "
            f"({_one_line(error)}); {_ADVICE}"
        ) from error
    if rgb.dtype != np.uint8 or rgb.shape != (msg.height, msg.width, 3):
        raise ImageDecodeError(
            f"cv_bridge turned image encoding {encoding} into {rgb.dtype} of shape {rgb.shape}, "
            f"not into RGB; {_ADVICE}"
        )
    return rgb


def _quoted(text: str) -> str:
    """Text of a message, made fit for one line of a log."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
