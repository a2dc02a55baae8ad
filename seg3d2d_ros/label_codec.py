# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""From messages that hold label images to arrays of ids."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.image_codec import ImageDecodeError

_TYPES: dict[str, type[np.uint8] | type[np.uint16]] = {
    "mono8": np.uint8,
    "8UC1": np.uint8,
    "mono16": np.uint16,
    "16UC1": np.uint16,
}


def decode_label_image(msg: Any) -> npt.NDArray[Any]:
    """Ids of a label image, which are never scaled or converted.

    Args:
        msg: sensor_msgs Image (``mono8``, ``8UC1``, ``mono16``, ``16UC1``) or CompressedImage
            (PNG of one channel), of rclpy or of ``rosbags``.

    Returns:
        (H, W) uint8 or uint16, in the machine's byte order; don't write to it.

    Raises:
        ImageDecodeError: if it is no label image, or cut off.
    """
    data = np.frombuffer(msg.data, np.uint8)
    if hasattr(msg, "format"):
        labels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
        if labels is None or labels.ndim != 2 or labels.dtype not in (np.uint8, np.uint16):
            raise ImageDecodeError(
                f"compressed image (format '{msg.format}') holds no one-channel PNG, as label "
                "images do"
            )
        return labels
    if msg.encoding not in _TYPES:
        raise ImageDecodeError(
            f"image encoding '{msg.encoding}' is none of label images; those are "
            f"{', '.join(_TYPES)}"
        )
    dtype = np.dtype(_TYPES[msg.encoding]).newbyteorder(">" if msg.is_bigendian else "<")
    height, width, step = int(msg.height), int(msg.width), int(msg.step)
    if min(height, width) < 1 or step < width * dtype.itemsize or data.size < step * height:
        raise ImageDecodeError(
            f"label image of {width}x{height} pixels has step {step} and {data.size} bytes; it was "
            "cut off or filled wrongly"
        )
    pixels: npt.NDArray[Any] = np.ndarray(
        (height, width), dtype, buffer=data, strides=(step, dtype.itemsize)
    )
    return pixels.astype(dtype.newbyteorder("="), copy=False)
