# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

IMAGE = "sensor_msgs/msg/Image"
ODD_TYPE, ODD_HASH = "odd_msgs/msg/Odd", "RIHS01_" + "5a" * 32
ODD_MESSAGE = b"\0\1\0\0\xff\0\x80\x07 and what its definition does not tell"


@pytest.fixture
def make_bag(tmp_path):
    """Function that writes a bag with ``rosbags`` alone; returns its folder.

    ``topics`` maps a topic to the kind of its messages: ``rgb8``, ``bgr8``, ``16UC1`` (Image),
    ``jpeg``, ``png`` (CompressedImage), ``string``, ``odd`` (of a type that nobody knows). Pixel
    values of frame k are k, 2k, 3k + 1. Numbers in ``cut`` are messages of the image topics that
    are cut off, with the bytes that remain.
    """
    rosbags = pytest.importorskip("rosbags.rosbag2")
    import cv2
    from rosbags.typesys import Stores, get_typestore

    def make(topics, *, name="bag", frames=3, plugin="MCAP", size=(24, 32), cut=None) -> Path:
        store = get_typestore(Stores.ROS2_JAZZY)
        types = store.types
        folder = tmp_path / name

        def message(kind, k):
            stamp = types["builtin_interfaces/msg/Time"](100 + k, 5)
            header = types["std_msgs/msg/Header"](stamp, "left_optical_frame")
            pixels = np.empty((*size, 3), np.uint8)
            pixels[:] = (k, 2 * k, 3 * k + 1)
            if kind == "string":
                return types["std_msgs/msg/String"]("text")
            if kind == "odd":
                return None
            if kind in ("jpeg", "png"):
                data = cv2.imencode("." + kind, pixels[..., ::-1])[1].reshape(-1)
                return types["sensor_msgs/msg/CompressedImage"](header, kind, data)
            if kind == "broken":
                data = np.frombuffer(b"\xff\xd8 no image", np.uint8)
                return types["sensor_msgs/msg/CompressedImage"](header, "jpeg", data)
            channels = {"16UC1": 2, "rgb8": 3, "bgr8": 3}[kind]
            pixels = pixels[..., ::-1] if kind == "bgr8" else pixels[..., :channels]
            data = np.ascontiguousarray(pixels).reshape(-1)
            return types["sensor_msgs/msg/Image"](header, *size, kind, 0, size[1] * channels, data)

        with rosbags.Writer(
            folder, version=8, storage_plugin=getattr(rosbags.StoragePlugin, plugin)
        ) as writer:
            for topic, given in topics.items():
                kinds = [given] * frames if isinstance(given, str) else given
                if given == "odd":
                    msgtype, about = ODD_TYPE, {"msgdef": "int32 x\n", "rihs01": ODD_HASH}
                else:
                    msgtype = message(kinds[0], 0).__msgtype__ if kinds else IMAGE
                    about = {"typestore": store}
                connection = writer.add_connection(topic, msgtype, **about)
                for k, kind in enumerate(kinds):
                    data = ODD_MESSAGE
                    if kind != "odd":
                        data = bytes(store.serialize_cdr(message(kind, k), msgtype))
                    if kind not in ("odd", "string"):
                        data = data[: (cut or {}).get(k)]
                    writer.write(connection, 10**9 + k, data)
        return folder

    return make
