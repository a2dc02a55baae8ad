# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Image messages of every kind a camera sends, and of kinds none should."""

from __future__ import annotations

import array
import io
import struct
import sys
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest

from seg3d2d_ros.image_codec import ImageDecodeError, decode_compressed_image, decode_image

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


def smooth_image(height: int = 48, width: int = 64) -> np.ndarray:
    """Gradients, which JPEG keeps within a few grey levels."""
    y, x = np.mgrid[:height, :width]
    return np.stack([4 * x, 4 * y, 2 * (x + y)], 2).clip(0, 255).astype(np.uint8)


def compress(image: np.ndarray, kind: str, **options) -> bytes:
    """Compressed by Pillow: another encoder than the decoder under test."""
    buffer = io.BytesIO()
    pytest.importorskip("PIL.Image").fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def compressed(data: bytes, text: str = "rgb8; jpeg compressed bgr8") -> SimpleNamespace:
    return SimpleNamespace(format=text, data=array.array("B", data))


@pytest.mark.parametrize("options", [{"quality": 95}, {"quality": 95, "progressive": True}])
def test_jpeg_is_decoded(options):
    image = smooth_image()
    decoded = decode_compressed_image(compressed(compress(image, "JPEG", **options)))
    assert np.abs(decoded.astype(int) - image).max() <= 12


def test_png_is_decoded_exactly():
    image = np.random.default_rng(3).integers(0, 256, (9, 11, 3), np.uint8)
    np.testing.assert_array_equal(
        decode_compressed_image(compressed(compress(image, "PNG"), "png")), image
    )


def test_grey_and_16_bit_png_become_rgb_of_8_bits():
    grey = smooth_image()[:, :, 0]
    expected = np.dstack([grey] * 3)
    decoded = decode_compressed_image(compressed(compress(grey, "PNG")))
    np.testing.assert_array_equal(decoded, expected)
    encoded = cv2.imencode(".png", grey.astype(np.uint16) * 257)[1].tobytes()
    np.testing.assert_array_equal(decode_compressed_image(compressed(encoded)), expected)


def test_exif_orientation_is_ignored():
    image_module = pytest.importorskip("PIL.Image")
    exif = image_module.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    decoded = decode_compressed_image(compressed(compress(smooth_image(), "JPEG", exif=exif)))
    assert decoded.shape == (48, 64, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_every_truncation_is_refused(kind):
    data = compress(smooth_image(16, 16), kind)
    for length in range(len(data) - (1 if kind == "JPEG" else 4)):
        with pytest.raises(ImageDecodeError):
            decode_compressed_image(compressed(data[:length]))


def test_truncated_jpeg_with_thumbnail_is_refused():
    # the thumbnail inside the EXIF block is a JPEG with an end mark of its own
    exif = b"Exif\0\0" + compress(smooth_image(8, 8), "JPEG")
    data = compress(smooth_image(), "JPEG", exif=exif)
    assert data.count(b"\xff\xd9") == 2
    with pytest.raises(ImageDecodeError, match="JPEG is cut off: it ends after"):
        decode_compressed_image(compressed(data[:-40]))


def test_padding_after_the_jpeg_is_accepted():
    data = compress(smooth_image(), "JPEG") + bytes(512)
    assert decode_compressed_image(compressed(data)).shape == (48, 64, 3)


def test_huge_png_is_refused_by_its_header():
    data = bytearray(compress(smooth_image(), "PNG"))
    data[16:24] = struct.pack(">II", 100_000, 100_000)
    with pytest.raises(ImageDecodeError, match="100000x100000 pixels is larger"):
        decode_compressed_image(compressed(bytes(data)))


@pytest.mark.parametrize(
    ("data", "text", "message"),
    [
        (b"", "jpeg", "the data are empty"),
        (b"GIF89a..", "jpeg", "neither JPEG nor PNG .*47 49 46 38"),
        (b"\xff\xd8\x00\x00\x00\x00", "jpeg", "damaged at byte 2"),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), "png", "PNG is cut off or damaged"),
        (b"\x89PNG", "16UC1; compressedDepth png", "is depth"),
    ],
)
def test_faulty_compressed_images_say_what_is_wrong(data, text, message):
    with pytest.raises(ImageDecodeError, match=message) as caught:
        decode_compressed_image(compressed(data, text))
    assert "\n" not in str(caught.value)


def test_damaged_png_content_is_refused():
    data = bytearray(
        compress(np.random.default_rng(5).integers(0, 256, (64, 64, 3), np.uint8), "PNG")
    )
    data[12 + 4 + 4] = 255  # another width than the compressed rows have
    with pytest.raises(ImageDecodeError):
        decode_compressed_image(compressed(bytes(data)))
