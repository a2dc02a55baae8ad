# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A running node is sent hundreds of faulty images; it counts each one and goes on."""

from __future__ import annotations

import array
from collections import Counter

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")

from mutated_messages import mutated_compressed_image, mutated_image
from scene import bright_image, pixels_of
from sensor_msgs.msg import CompressedImage, Image

from seg3d2d_ros.image_codec import ImageDecodeError, decode_compressed_image, decode_image

pytestmark = [pytest.mark.ros, pytest.mark.slow]

MAX_PIXELS = 20_000
IMAGES = 300
COMPRESSED_IMAGES = 205


class FuzzedNode:
    """A node, the camera that it listens to, and what the two make of each message."""

    def __init__(self, start_node, bundle, message_type) -> None:
        compressed = message_type is CompressedImage
        self.node = start_node(
            bundle=bundle.path,
            image_transport="compressed" if compressed else "raw",
            diagnostics_period=0.05,
            qos_reliability="reliable",
            qos_depth=10,
            threads=1,
            max_image_pixels=MAX_PIXELS,
        )
        self.client = self.node.client
        self.node.wait_for_log("parsing /")
        self.labels = self.client.subscribe(Image, f"{self.node.name}/label")
        topic = f"{self.node.namespace}/image" + ("/compressed" if compressed else "")
        self.camera = self.client.camera(topic, message_type=message_type)
        self._message_type = message_type
        self._decode = decode_compressed_image if compressed else decode_image

    def wait_until_matched(self, good) -> None:
        """Until the camera's images come to the node and its labels here."""

        def matched() -> bool:
            self.camera.publish(good)
            self.client.spin_for(0.05)
            return bool(self.labels)

        self.client.spin_until(matched, "the first label")
        self.counts = self.node.counts()

    def message(self, fields: dict):
        data = array.array("B", fields["data"])
        message = self._message_type(**fields | {"data": data})
        message.header.frame_id = "camera"
        return message

    def fate_expected(self, message) -> str:
        """The fate that the codec, called here, gives a message."""
        try:
            self._decode(message, max_pixels=MAX_PIXELS)
        except ImageDecodeError:
            return "undecodable"
        return "parsed"

    def fate_of(self, message) -> str:
        """Publish a message. Returns the one count that it changed, once it is done."""
        expected = self.counts["received"] + 1
        self.camera.publish(message)
        values: dict[str, str] = {}

        def done() -> bool:
            values.update(self.node.newest_values())
            return values["received"] == str(expected) and values["pending"] == "0"

        self.client.spin_until(done, f"image {expected} to be done")
        changes = {
            name: int(values[name] if name in values else values[f"dropped_{name}"]) - count
            for name, count in self.counts.items()
        }
        self.counts = {name: count + changes[name] for name, count in self.counts.items()}
        assert changes.pop("received") == 1
        (fate,) = [k for k, change in changes.items() if change]
        assert changes[fate] == 1
        return fate

    def label_of(self, good) -> np.ndarray:
        self.labels.clear()
        assert self.fate_of(good) == "parsed"
        self.client.spin_until(lambda: self.labels, "a label")
        return pixels_of(self.labels[-1])


@pytest.mark.parametrize(
    ("message_type", "mutated", "number"),
    [
        (Image, mutated_image, IMAGES),
        (CompressedImage, mutated_compressed_image, COMPRESSED_IMAGES),
    ],
)
def test_node_counts_every_faulty_image_and_goes_on(
    start_node, channel_bundle, message_type, mutated, number
):
    fuzzed = FuzzedNode(start_node, channel_bundle, message_type)
    image = bright_image(1)
    if message_type is Image:
        fields = {"height": 48, "width": 64, "encoding": "rgb8", "step": 192}
        good = fuzzed.message(fields | {"data": image.tobytes()})
    else:
        png = cv2.imencode(".png", image[:, :, ::-1])[1].tobytes()
        good = fuzzed.message({"format": "rgb8; png compressed bgr8", "data": png})
    fuzzed.wait_until_matched(good)
    before = dict(fuzzed.counts)

    fates = Counter()
    for seed in range(number):
        message = fuzzed.message(mutated(seed))
        fate = fuzzed.fate_of(message)
        assert fate == fuzzed.fate_expected(message), f"seed {seed}"
        fates[fate] += 1
    assert set(fates) == {"parsed", "undecodable"} and min(fates.values()) > number // 5

    assert (fuzzed.label_of(good) == 1).all()
    after = fuzzed.node.counts()  # which checks that they add up
    assert after["received"] - before["received"] == number + 1
    assert after["parsed"] - before["parsed"] == fates["parsed"] + 1
    assert after["undecodable"] - before["undecodable"] == fates["undecodable"]
    assert fuzzed.node.process.poll() is None
