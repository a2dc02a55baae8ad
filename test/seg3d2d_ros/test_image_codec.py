# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Image messages of every kind a camera sends, and of kinds none should."""

from __future__ import annotations

import array
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from seg3d2d_ros.image_codec import ImageDecodeError, decode_image

HEIGHT, WIDTH = 5, 7
RGB = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
ALPHA = np.full((HEIGHT, WIDTH, 1), 9, np.uint8)
GREY = RGB[:, :, :1]
CONTENT = {
    "rgb8": (RGB, RGB),
    "bgr8": (RGB[:, :, [2, 1, 0]], RGB),
    "rgba8": (np.concatenate([RGB, ALPHA], 2), RGB),
    "bgra8": (np.concatenate([RGB[:, :, [2, 1, 0]], ALPHA], 2), RGB),
    "mono8": (GREY, np.concatenate([GREY] * 3, 2)),
}


def image_fields(pixels: np.ndarray, encoding: str, padding: int = 0) -> dict:
    """Fields of a sensor_msgs/Image with ``padding`` bytes after each row."""
    rows = pixels.reshape(pixels.shape[0], -1)
    padded = np.concatenate([rows, np.full((len(rows), padding), 77, np.uint8)], 1)
    return {
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "encoding": encoding,
        "is_bigendian": 0,
        "step": padded.shape[1],
        "data": padded.tobytes(),
    }


@pytest.mark.parametrize("padding", [0, 3, 64])
@pytest.mark.parametrize("encoding", CONTENT)
def test_own_encodings_give_rgb(encoding, padding):
    pixels, expected = CONTENT[encoding]
    decoded = decode_image(SimpleNamespace(**image_fields(pixels, encoding, padding)))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, expected)


@pytest.mark.parametrize(
    "convert", [bytes, bytearray, memoryview, list, lambda d: array.array("B", d)]
)
def test_data_of_any_buffer_type(convert):
    fields = image_fields(RGB, "rgb8") | {"data": convert(RGB.tobytes())}
    np.testing.assert_array_equal(decode_image(SimpleNamespace(**fields)), RGB)


def test_rgb8_is_a_view_of_the_message():
    data = bytearray(RGB.tobytes())
    decoded = decode_image(SimpleNamespace(**image_fields(RGB, "rgb8") | {"data": data}))
    data[0] ^= 255
    assert decoded[0, 0, 0] == RGB[0, 0, 0] ^ 255


def test_rclpy_message():
    messages = pytest.importorskip("sensor_msgs.msg")
    fields = image_fields(RGB, "rgb8", padding=5)
    fields["data"] = array.array("B", fields["data"])
    np.testing.assert_array_equal(decode_image(messages.Image(**fields)), RGB)


def test_rosbags_message():
    typesys = pytest.importorskip("rosbags.typesys")
    types = typesys.get_typestore(typesys.Stores.ROS2_JAZZY).types
    header = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](0, 0), "camera")
    fields = image_fields(RGB, "bgr8", padding=1)
    fields["data"] = np.frombuffer(fields["data"], np.uint8)
    decoded = decode_image(types["sensor_msgs/msg/Image"](header=header, **fields))
    np.testing.assert_array_equal(decoded, RGB[:, :, ::-1])


def test_image_of_8k_is_decoded_and_a_larger_one_refused():
    black = bytes(7680 * 4320 * 3)
    fields = {"encoding": "rgb8", "is_bigendian": 0, "data": black}
    image = SimpleNamespace(height=4320, width=7680, step=7680 * 3, **fields)
    assert decode_image(image).shape == (4320, 7680, 3)
    image = SimpleNamespace(height=4321, width=7680, step=7680 * 3, **fields)
    with pytest.raises(ImageDecodeError, match=r"7680x4321 .* 33177600 .* max_image_pixels"):
        decode_image(image)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"height": 0}, "7x0 pixels"),
        ({"width": 0}, "0x5 pixels"),
        ({"step": 20}, r"step is 20 bytes.* takes 21;"),
        ({"step": 0}, "step is 0 bytes"),
        ({"data": RGB.tobytes()[:-1]}, r"holds 104 bytes.* take 105"),
        ({"data": b""}, "holds 0 bytes"),
        ({"step": 22}, r"holds 105 bytes.* take 110"),
        ({"encoding": "mono10p16", "is_bigendian": 1}, "'mono10p16' comes big-endian"),
        ({"encoding": "i420"}, "'i420' needs the package cv_bridge"),
        ({"encoding": "mono10p16"}, "'mono10p16' needs the package cv_bridge"),
        ({"encoding": "rgb8\nrgb8"}, r"'rgb8\\nrgb8' needs"),
        ({"encoding": "x" * 5000}, "'x{57}\\.\\.\\.' needs"),
        ({"encoding": "no such"}, "'no such' needs the package cv_bridge"),
        ({"encoding": ""}, "'' needs the package cv_bridge"),
    ],
)
def test_faulty_images_say_what_is_wrong(changes, message, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv_bridge", None)  # importing it fails, wherever it is
    with pytest.raises(ImageDecodeError, match=message) as caught:
        decode_image(SimpleNamespace(**image_fields(RGB, "rgb8") | changes))
    assert "\n" not in str(caught.value)


def stand_in_for_cv_bridge(convert) -> ModuleType:
    """A module in place of the foreign package, whose conversion is ``convert``."""
    module = ModuleType("cv_bridge")
    module.CvBridge = lambda: SimpleNamespace(imgmsg_to_cv2=convert)
    return module


def test_other_encodings_go_through_cv_bridge(monkeypatch):
    asked = []

    def convert(msg, encoding):
        asked.append((msg.encoding, encoding))
        return RGB

    monkeypatch.setitem(sys.modules, "cv_bridge", stand_in_for_cv_bridge(convert))
    fields = image_fields(GREY, "i420")
    np.testing.assert_array_equal(decode_image(SimpleNamespace(**fields)), RGB)
    assert asked == [("i420", "rgb8")]


def test_what_cv_bridge_cannot_convert_is_said(monkeypatch):
    def fail(msg, encoding):
        raise RuntimeError("no\nway")

    monkeypatch.setitem(sys.modules, "cv_bridge", stand_in_for_cv_bridge(fail))
    image = SimpleNamespace(**image_fields(GREY, "i420"))
    with pytest.raises(ImageDecodeError, match=r"'i420' .*RuntimeError: no way"):
        decode_image(image)
    returns_depth = stand_in_for_cv_bridge(lambda *_: np.zeros((HEIGHT, WIDTH), np.uint16))
    monkeypatch.setitem(sys.modules, "cv_bridge", returns_depth)
    with pytest.raises(ImageDecodeError, match=r"into uint16 of shape \(5, 7\)"):
        decode_image(image)
