# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Decoding as cv_bridge does it: by cv_bridge itself, or else by the same steps written out.

The steps were read in vision_opencv's branch rolling, commit 8b42d66 of February 2024 (cv_bridge
3.4.0): ``python/cv_bridge/core.py`` and, for what it calls in C++, ``src/cv_bridge.cpp``,
``src/module.cpp`` and ``src/module_opencv4.cpp``; and in ``sensor_msgs/image_encodings.hpp``.

1. The bytes as an array with the message's strides, cut to the width; copied where rows are padded.
2. Bytes swapped where ``is_bigendian`` is not the machine's order, whatever the samples' size.
3. OpenCV's conversion of colours, in the samples' own depth. Then 16 bits to 8 by
   ``Mat::convertTo`` with 255/65535; ``rgb16`` is only scaled. ``rgb8`` is copied.
4. The result copied into memory of NumPy's.

``uyvy``, ``yuyv``, ``nv12``, ``nv21`` and ``nv24`` are unknown to it; ``yuv422`` is UYVY and
``yuv422_yuy2`` YUYV. Humble's branch (3.2.1) differs from this only for compressed images, which it
decodes with ``IMREAD_ANYCOLOR``, rolling with ``IMREAD_UNCHANGED``; both take what comes for
``bgr8``, so that 16 bits stay 16, and grey fails where OpenCV (as 4 does) refuses to convert it.

ROS's cv_bridge is not on PyPI, so it is often missing where the benchmarks run; then the figures
are of this module, which the result says.
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
    "bayer_bggr16": (np.uint16, 1),
    "bayer_gbrg16": (np.uint16, 1),
    "bayer_grbg16": (np.uint16, 1),
    "yuv422": (np.uint8, 2),
    "yuv422_yuy2": (np.uint8, 2),
}
"""Type and channels of each encoding that cv_bridge knows as one of colours or grey; of others it
makes no ``rgb8``."""

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
    "bayer_bggr16": cv2.COLOR_BayerRG2RGB,
    "bayer_gbrg16": cv2.COLOR_BayerGR2RGB,
    "bayer_grbg16": cv2.COLOR_BayerGB2RGB,
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
}
"""OpenCV's conversion of each encoding, None where the colours are those of ``rgb8``."""

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

    def compressed_image(self, msg: Any) -> npt.NDArray[Any]:
        """RGB (height, width, 3) of a sensor_msgs/CompressedImage, uint8 or, of 16 bits, uint16.

        Raises:
            ValueError: if it is none in a format that OpenCV knows.
            cv2.error: if OpenCV does not convert it; cv_bridge itself raises what it likes.
        """
        if self._bridge is not None:
            decoded: npt.NDArray[Any] = self._bridge.compressed_imgmsg_to_cv2(msg, "rgb8")
            return decoded
        bgr = cv2.imdecode(np.frombuffer(msg.data, np.uint8), cv2.IMREAD_UNCHANGED)
        if bgr is None:
            raise ValueError("no image in a format that OpenCV knows")
        return _into_numpy(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


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
    if conversion is not None:
        converted = cv2.cvtColor(pixels, conversion)
    else:
        converted = pixels.copy() if dtype.itemsize == 1 else pixels
    if dtype.itemsize == 2:
        converted = cv2.convertScaleAbs(converted, alpha=_FULL_SCALE)  # convertTo, in Python
    return _into_numpy(converted)


def _into_numpy(converted: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """cv_bridge's C++ converts into memory of OpenCV's, which it then copies for Python."""
    return converted.copy()
