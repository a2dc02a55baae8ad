# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Decoding as cv_bridge does it: by cv_bridge itself, or else by the same steps written out.

The steps are those of ``cv_bridge/core.py`` and ``cv_bridge.cpp`` of vision_opencv (branch
rolling): the bytes as an array with the message's strides, cut to the width and made contiguous,
bytes swapped where the message's order is not the machine's, then OpenCV's conversion, which copies
also where there is nothing to convert. ROS's cv_bridge is not on PyPI, so it is often missing where
the benchmarks run; then the figures are of this module, which the result says.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

_FULL_SCALE = 255.0 / 65535.0

_CHANNELS = {
    "mono8": (np.uint8, 1),
    "mono16": (np.uint16, 1),
    "rgb8": (np.uint8, 3),
    "bgr8": (np.uint8, 3),
    "rgba8": (np.uint8, 4),
    "bgra8": (np.uint8, 4),
    "rgb16": (np.uint16, 3),
    "bgr16": (np.uint16, 3),
    "rgba16": (np.uint16, 4),
    "bgra16": (np.uint16, 4),
    "bayer_rggb8": (np.uint8, 1),
    "bayer_bggr8": (np.uint8, 1),
    "bayer_gbrg8": (np.uint8, 1),
    "bayer_grbg8": (np.uint8, 1),
    "bayer_rggb16": (np.uint16, 1),
    "yuv422": (np.uint8, 2),
    "uyvy": (np.uint8, 2),
    "yuv422_yuy2": (np.uint8, 2),
    "yuyv": (np.uint8, 2),
}
"""Type and channels of each encoding that says what its channels are; of others cv_bridge makes no
``rgb8``."""

_TO_RGB = {
    "mono8": cv2.COLOR_GRAY2RGB,
    "mono16": cv2.COLOR_GRAY2RGB,
    "rgb8": None,
    "bgr8": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "rgb16": None,
    "bgr16": cv2.COLOR_BGR2RGB,
    "rgba16": cv2.COLOR_RGBA2RGB,
    "bgra16": cv2.COLOR_BGRA2RGB,
    # ROS names a pattern by its first row, OpenCV by the second and third pixel of the second
    "bayer_rggb8": cv2.COLOR_BayerBG2RGB,
    "bayer_bggr8": cv2.COLOR_BayerRG2RGB,
    "bayer_gbrg8": cv2.COLOR_BayerGR2RGB,
    "bayer_grbg8": cv2.COLOR_BayerGB2RGB,
    "bayer_rggb16": cv2.COLOR_BayerBG2RGB,
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUYV,
    "yuyv": cv2.COLOR_YUV2RGB_YUYV,
}
"""OpenCV's conversion of each encoding, None where the pixels are copied."""

ENCODINGS = tuple(_CHANNELS)
"""What :meth:`CvBridgeDecoding.image` decodes."""


class CvBridgeDecoding:
    """Decodes to ``rgb8``.

    Attributes:
        by: what decodes, in words.
    """

    def __init__(self) -> None:
        self._bridge: Any = None
        try:
            self._bridge = importlib.import_module("cv_bridge").CvBridge()
            self.by = f"the installed cv_bridge {_version()}".rstrip()
        except Exception as error:  # built for another NumPy, it fails with more than ImportError
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            self.by = f"the steps of cv_bridge written out (cv_bridge can't be imported: {reason})"

    def image(self, msg: Any) -> npt.NDArray[np.uint8]:
        """RGB (height, width, 3) uint8 of a sensor_msgs/Image.

        Raises:
            ValueError: if the encoding is none that cv_bridge turns into ``rgb8``; cv_bridge itself
                raises what it likes.
        """
        if self._bridge is not None:
            decoded: npt.NDArray[np.uint8] = self._bridge.imgmsg_to_cv2(msg, "rgb8")
            return decoded
        return _decode(msg)

    def compressed_image(self, msg: Any) -> npt.NDArray[np.uint8]:
        """RGB (height, width, 3) uint8 of a sensor_msgs/CompressedImage; errors as of `image`."""
        if self._bridge is not None:
            decoded: npt.NDArray[np.uint8] = self._bridge.compressed_imgmsg_to_cv2(msg, "rgb8")
            return decoded
        bgr = cv2.imdecode(np.frombuffer(msg.data, np.uint8), cv2.IMREAD_UNCHANGED)
        if bgr is None:
            raise ValueError("no image in a format that OpenCV knows")
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def _version() -> str:
    try:
        return importlib.metadata.version("cv-bridge")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _decode(msg: Any) -> npt.NDArray[np.uint8]:
    if msg.encoding not in _CHANNELS:
        raise ValueError(f"cv_bridge turns no '{msg.encoding}' into rgb8")
    scalar, channels = _CHANNELS[msg.encoding]
    dtype = np.dtype(scalar).newbyteorder(">" if msg.is_bigendian else "<")
    row = msg.step // dtype.itemsize
    shape = (msg.height, row) if channels == 1 else (msg.height, row // channels, channels)
    pixels = np.ndarray(shape, dtype, buffer=msg.data)
    pixels = np.ascontiguousarray(pixels[: msg.height, : msg.width])
    if msg.is_bigendian == (sys.byteorder == "little"):
        pixels = pixels.byteswap().view(dtype.newbyteorder())
    conversion = _TO_RGB[msg.encoding]
    converted = pixels.copy() if conversion is None else cv2.cvtColor(pixels, conversion)
    if converted.dtype != np.uint8:
        converted = cv2.convertScaleAbs(converted, alpha=_FULL_SCALE)
    return np.asarray(converted, np.uint8)
