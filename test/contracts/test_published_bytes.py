# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What consumers read, byte by byte.

A change that fails here breaks somebody's robot: Nav2 reads the raw bytes of uint8 labels.
"""

from __future__ import annotations

import importlib
import io
import struct
import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sensor_msgs.msg")

from std_msgs.msg import Header

from seg3d2d_ros import messages
from seg3d2d_ros.labels import LabelClass, LabelSpace
from seg3d2d_ros.overlay import blend_overlay

SPACE = LabelSpace(
    "two", (LabelClass(0, "floor", (10, 20, 30)), LabelClass(1, "shower curtain", (200, 100, 0)))
)
LABELS = np.array([[0, 1, 255], [1, 1, 0]], np.uint8)


def header() -> Header:
    made = Header(frame_id="camera_color_optical_frame")
    made.stamp.sec, made.stamp.nanosec = 1700000000, 123456789
    return made


def cdr_of_image(encoding: bytes, step: int, data: bytes) -> list[int | None]:
    """A little-endian CDR sensor_msgs/Image of 3x2 pixels, by hand; None for padding (any byte)."""
    cdr: list[int | None] = []

    def append(content: bytes, alignment: int = 1) -> None:
        cdr.extend([None] * (-len(cdr) % alignment))
        cdr.extend(content)

    def append_string(text: bytes) -> None:
        append(struct.pack("<I", len(text) + 1) + text + b"\0", 4)

    append(struct.pack("<iI", 1700000000, 123456789))
    append_string(b"camera_color_optical_frame")
    append(struct.pack("<II", 2, 3), 4)  # height, width
    append_string(encoding)
    append(b"\0")  # is_bigendian
    append(struct.pack("<II", step, len(data)) + data, 4)
    return [0, 1, 0, 0, *cdr]


@pytest.mark.parametrize(
    ("pixels", "encoding", "step", "data"),
    [
        (LABELS, b"mono8", 3, bytes([0, 1, 255, 1, 1, 0])),
        (
            np.array([[0, 256, 65535], [1, 2, 3]], np.uint16),
            b"mono16",
            6,
            bytes([0, 0, 0, 1, 255, 255, 1, 0, 2, 0, 3, 0]),
        ),
        (np.arange(18, dtype=np.uint8).reshape(2, 3, 3), b"rgb8", 9, bytes(range(18))),
    ],
)
def test_image_on_the_wire(pixels, encoding, step, data):
    serialize = pytest.importorskip("rclpy.serialization").serialize_message
    if sys.byteorder != "little":
        pytest.skip("written for little-endian machines")
    wire = serialize(messages.image_message(header(), pixels))
    expected = cdr_of_image(encoding, step, data)
    assert len(wire) - len(expected) < 4  # padding at most
    assert [b if e is not None else None for b, e in zip(wire, expected, strict=False)] == expected


def test_rows_are_packed_whatever_the_array_looks_like():
    wide = np.arange(60, dtype=np.uint8).reshape(5, 12)
    message = messages.image_message(header(), wide[1:4, 2:11:2])
    assert (message.height, message.width, message.step) == (3, 5, 5)
    assert bytes(message.data) == bytes(12 * y + x for y in (1, 2, 3) for x in (2, 4, 6, 8, 10))


def test_header_is_the_cameras():
    given = header()
    for message in (
        messages.image_message(given, LABELS),
        messages.compressed_label_message(given, LABELS),
    ):
        assert message.header == header()


def test_semantic_costmap_layer_reads_the_classes():
    """Nav2's layer indexes ``data[v * width + u]``, ignoring encoding and step, and compares it
    with the class ids of the label info.
    """
    message = messages.image_message(header(), LABELS)
    read = [[message.data[v * message.width + u] for u in range(3)] for v in range(2)]
    assert read == LABELS.tolist()


def test_compressed_labels_are_lossless():
    image_module = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(2)
    for labels, text in (
        (rng.integers(0, 256, (31, 17), np.uint8), "mono8; png compressed"),
        (rng.integers(0, 65536, (31, 17), np.uint16), "mono16; png compressed"),
    ):
        message = messages.compressed_label_message(header(), labels)
        assert message.format == text
        decoded = np.asarray(image_module.open(io.BytesIO(bytes(message.data))))
        np.testing.assert_array_equal(decoded, labels)


def test_overlay_bytes():
    image = np.full((2, 3, 3), 100, np.uint8)
    overlay = blend_overlay(image, LABELS, SPACE.palette(), 0.5)
    message = messages.image_message(header(), overlay)
    floor, curtain, unlabeled = [55, 60, 65], [150, 100, 50], [100, 100, 100]
    assert (message.encoding, message.step) == ("rgb8", 9)
    assert list(message.data) == [
        *floor, *curtain, *unlabeled,
        *curtain, *curtain, *floor,
    ]  # fmt: skip


LABEL_INFO_YAML = """\
name: two
unlabeled: 255
classes:
- id: 0
  name: floor
  color: [10, 20, 30]
- id: 1
  name: shower curtain
  color: [200, 100, 0]
threshold: 0.25
"""


def test_label_info_as_yaml():
    assert messages.label_info_yaml(SPACE, 0.25) == LABEL_INFO_YAML


@dataclass
class VisionClass:
    """Fields of vision_msgs/VisionClass."""

    class_id: int = 0
    class_name: str = ""


@dataclass
class LabelInfo:
    """Fields of vision_msgs/LabelInfo."""

    header: Any = None
    class_map: list = field(default_factory=list)
    threshold: float = 0.0


@pytest.fixture
def messages_with(monkeypatch):
    """The module under test as it is with, or without, vision_msgs installed."""

    def load(vision_msgs: ModuleType | None):
        monkeypatch.setitem(sys.modules, "vision_msgs.msg", vision_msgs)
        monkeypatch.setitem(sys.modules, "vision_msgs", vision_msgs)
        return importlib.reload(messages)

    yield load
    monkeypatch.undo()
    importlib.reload(messages)


def test_label_info_where_vision_msgs_is_installed(messages_with):
    package = ModuleType("vision_msgs.msg")
    package.LabelInfo, package.VisionClass = LabelInfo, VisionClass
    loaded = messages_with(package)
    assert loaded.LABEL_INFO_TOPIC == "~/label_info"
    info = loaded.label_info_message(header(), SPACE, 0.25)
    assert info.header == header()
    assert info.class_map == [VisionClass(0, "floor"), VisionClass(1, "shower curtain")]
    assert info.threshold == 0.25


def test_label_info_where_vision_msgs_is_not_installed(messages_with):
    loaded = messages_with(None)
    assert loaded.LABEL_INFO_TOPIC == "~/label_info_yaml"
    info = loaded.label_info_message(header(), SPACE, 0.25)
    assert type(info).__name__ == "String"
    assert info.data == LABEL_INFO_YAML


def test_label_info_of_the_real_vision_msgs():
    vision_msgs = pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed")
    info = messages.label_info_message(header(), SPACE, 0.25)
    assert isinstance(info, vision_msgs.LabelInfo)
    assert [(c.class_id, c.class_name) for c in info.class_map] == [
        (0, "floor"),
        (1, "shower curtain"),
    ]
