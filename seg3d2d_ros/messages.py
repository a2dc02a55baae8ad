# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""From arrays to the messages that the parse node publishes.

Consumers index the bytes as they are, so every image has ``step == width * bytes per pixel`` and
the header of the camera's image, untouched.
"""

from __future__ import annotations

import array
import math
import sys
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header, String

from seg3d2d_ros.label_info import label_info_yaml
from seg3d2d_ros.labels import LabelSpace

try:
    from vision_msgs.msg import LabelInfo, VisionClass
except ImportError:
    LabelInfo = VisionClass = None

_ENCODINGS = {
    (np.dtype(np.uint8), 2): "mono8",
    (np.dtype(np.uint16), 2): "mono16",
    (np.dtype(np.uint8), 3): "rgb8",
}

LABEL_INFO_TYPE: Any = LabelInfo if LabelInfo is not None else String
LABEL_INFO_TOPIC = "~/label_info" if LabelInfo is not None else "~/label_info_yaml"


def image_message(header: Header, pixels: npt.NDArray[Any]) -> Image:
    """Image of (H, W) uint8 (``mono8``), (H, W) uint16 (``mono16``) or (H, W, 3) uint8 (``rgb8``).

    The bytes are in the machine's order, as ``is_bigendian`` says.
    """
    message = Image()
    message.header = header
    message.height, message.width = pixels.shape[:2]
    message.encoding = _ENCODINGS[pixels.dtype, pixels.ndim]
    message.is_bigendian = int(sys.byteorder == "big")
    message.step = pixels[0].nbytes
    message.data = _byte_array(pixels)
    return message


def compressed_label_message(header: Header, labels: npt.NDArray[Any]) -> CompressedImage:
    """Label image as PNG, lossless, in the form that image_transport's plugin decodes."""
    message = CompressedImage()
    message.header = header
    message.format = f"{_ENCODINGS[labels.dtype, 2]}; png compressed"
    # level 1: label images are flat, so more effort costs time and saves little
    encoded, png = cv2.imencode(".png", labels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not encoded:
        raise RuntimeError("OpenCV can't write PNG here")
    message.data = _byte_array(png)
    return message


def label_info_message(header: Header, label_space: LabelSpace, threshold: float) -> Any:
    """Names of the ids: vision_msgs/LabelInfo where installed, else a String of YAML.

    ``threshold`` is the confidence (0 to 1) below which labels were made unlabeled. The id of
    unlabeled pixels (255 or 65535) is no class and not listed, as LabelInfo defines it.
    """
    if LabelInfo is None:
        return String(data=label_info_yaml(label_space, threshold))
    message = LabelInfo()
    message.header = header
    message.class_map = [
        VisionClass(class_id=label_class.id, class_name=label_class.name)
        for label_class in label_space.classes
    ]
    message.threshold = float(threshold)
    return message


def has_finite_intrinsics(camera_info: Any) -> bool:
    """Whether a sensor_msgs/CameraInfo holds numbers only; zeros mean uncalibrated, no fault."""
    values = (*camera_info.d, *camera_info.k, *camera_info.r, *camera_info.p)
    return all(math.isfinite(value) for value in values)


def describes_image(camera_info: Any, height: int, width: int) -> bool:
    """Whether a sensor_msgs/CameraInfo can be that of an image of this size.

    Its size is the sensor's; the image may be a region of it, binned. A size of zero says nothing.
    """
    roi = camera_info.roi
    for side, full, part, binning in (
        (width, camera_info.width, roi.width, camera_info.binning_x),
        (height, camera_info.height, roi.height, camera_info.binning_y),
    ):
        if full and side != (part or full) // max(binning, 1):
            return False
    return True


def _byte_array(pixels: npt.NDArray[Any]) -> array.array[int]:
    # the one type that rclpy takes without looking at every byte, in every distribution
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(pixels).view(np.uint8).data)
    return data
