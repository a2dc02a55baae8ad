# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What the running node makes of images and calls. One node serves all tests of this module.

Its model labels each pixel with the brightest channel, so every output can be computed here.
"""

from __future__ import annotations

import array
import math

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy")

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import SetBool

from seg3d2d_ros.labels import LabelSpace

pytestmark = pytest.mark.ros

SIZE = (48, 64)
LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


def random_image(seed: int, size=SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def bright_image(channel: int, size=SIZE) -> np.ndarray:
    """An image of which every pixel has the label ``channel``."""
    image = np.zeros((*size, 3), np.uint8)
    image[:, :, channel] = 255
    return image


def pixels_of(message) -> np.ndarray:
    shape = (message.height, message.width, -1)
    pixels = np.frombuffer(message.data, np.uint8).reshape(shape)
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels


class Scene:
    """The shared node, its camera and the labels that it publishes."""

    def __init__(self, node) -> None:
        self.node, self.client = node, node.client
        self.labels = node.client.subscribe(Image, f"{node.name}/label")
        self.camera = node.client.camera(f"{node.namespace}/image")
        node.client.spin_until(self._matched, "the first label")

    def _matched(self) -> bool:
        self.camera.publish(self.camera.message(bright_image(0)))
        self.client.spin_for(0.05)
        return bool(self.labels)

    def label_of(self, message) -> Image:
        """Publish an image and wait for its label image."""
        self.labels.clear()
        stamp = self.camera.publish(message)
        self.client.spin_until(lambda: stamp in self.labels.stamps(), f"the label of {stamp}")
        return self.labels[self.labels.stamps().index(stamp)]

    def output_of(self, message_type, topic: str, image: np.ndarray):
        """An output about an image, which is published until the output arrives."""
        inbox = self.client.subscribe(message_type, f"{self.node.name}/{topic}")

        def arrived() -> bool:
            self.label_of(self.camera.message(image))
            self.client.spin_for(0.05)
            return bool(inbox)

        self.client.spin_until(arrived, topic)
        inbox.destroy()
        return inbox[-1]

    def fates_of(self, messages, pause: float = 0.0) -> dict[str, int]:
        """Publish images. Returns how many of them met which fate."""
        before = self.node.counts()
        for message in messages:
            self.camera.publish(message)
            self.client.spin_for(pause)
        after: dict[str, int] = {}

        def all_arrived() -> bool:
            after.update(self.node.counts())
            return after["received"] == before["received"] + len(messages)

        self.client.spin_until(all_arrived, f"all of {len(messages)} images at the node")
        changes = {name: after[name] - before[name] for name in after if name != "received"}
        return {name: change for name, change in changes.items() if change}


@pytest.fixture(scope="module")
def scene(start_shared_node, channel_bundle):
    node = start_shared_node(
        bundle=channel_bundle.path,
        diagnostics_period=0.05,
        # nothing may be lost between camera and node: tests here count single frames
        qos_reliability="reliable",
        qos_depth=10,
        threads=1,
        overlay_alpha=0.25,
    )
    node.wait_for_log("parsing /")
    return Scene(node)


def test_label_image(scene):
    image = random_image(1)
    message = scene.camera.message(image)
    label = scene.label_of(message)
    np.testing.assert_array_equal(pixels_of(label), np.argmax(image, axis=2))
    assert label.header == message.header
    assert (label.encoding, label.step, label.is_bigendian) == ("mono8", SIZE[1], 0)


@pytest.mark.parametrize("encoding", ["bgr8", "rgba8", "bgra8", "padded"])
def test_encodings(scene, encoding):
    image = random_image(2)
    channels = {"bgr8": [2, 1, 0], "rgba8": [0, 1, 2, 0], "bgra8": [2, 1, 0, 0]}
    if encoding == "padded":
        padded = np.pad(image.reshape(SIZE[0], -1), ((0, 0), (0, 40)), constant_values=99)
        data = array.array("B", padded.tobytes())
        message = scene.camera.message(image, step=padded.shape[1], data=data)
    else:
        message = scene.camera.message(image[:, :, channels[encoding]], encoding)
    label = scene.label_of(message)
    np.testing.assert_array_equal(pixels_of(label), np.argmax(image, axis=2))


def test_size_changes_between_images(scene):
    for number, size in enumerate([(48, 64), (64, 48), (480, 640), (33, 57), (1, 1), (48, 64)]):
        label = scene.label_of(scene.camera.message(bright_image(number % 3, size)))
        assert (label.height, label.width) == size
        assert (pixels_of(label) == number % 3).all()


def test_time_that_jumps_back_is_no_fault(scene):
    first = scene.camera.message(bright_image(0))
    second = scene.camera.message(bright_image(1))
    for message, channel in ((second, 1), (first, 0), (second, 1)):
        assert (pixels_of(scene.label_of(message)) == channel).all()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"height": 0, "width": 0, "data": array.array("B")}, "0x0 pixels"),
        ({"step": 5}, "step is 5 bytes"),
        ({"data": array.array("B", bytes(100))}, "holds 100 bytes"),
        ({"data": array.array("B")}, "holds 0 bytes"),
        ({"height": 2_000_000_000}, "larger than the 33177600 pixels allowed"),
        ({"encoding": "16UC1", "is_bigendian": 1}, "big-endian"),
        ({"encoding": "nonsense"}, "'nonsense'"),
    ],
)
def test_bad_image_is_counted_and_the_next_is_parsed(scene, changes, reason):
    bad = scene.camera.message(bright_image(0), **changes)
    assert scene.fates_of([bad]) == {"undecodable": 1}
    assert reason in scene.node.values()["last_fault"]
    assert (pixels_of(scene.label_of(scene.camera.message(bright_image(2)))) == 2).all()


def test_every_image_of_a_burst_is_published_or_counted(scene):
    messages = [scene.camera.message(bright_image(number % 3, (96, 128))) for number in range(120)]
    scene.labels.clear()
    fates = scene.fates_of(messages, pause=0.004)
    assert sum(fates.values()) == len(messages)
    assert set(fates) <= {"parsed", "superseded"}
    scene.client.spin_until(lambda: len(scene.labels) == fates["parsed"], "all labels")
    assert scene.labels.stamps() == sorted(set(scene.labels.stamps()))


def test_enable_service(scene):
    service = f"{scene.node.name}/enable"
    assert scene.client.call(SetBool, service, data=False).success
    assert scene.fates_of([scene.camera.message(bright_image(0))]) == {"disabled": 1}
    assert scene.client.call(SetBool, service, data=True).message == "parsing is enabled"
    scene.label_of(scene.camera.message(bright_image(0)))


def test_old_images_are_stale_when_asked_for(scene):
    assert scene.node.set_parameters(max_image_age=5.0) == []
    old = scene.camera.message(bright_image(0))
    assert scene.fates_of([old]) == {"stale": 1}
    scene.label_of(scene.camera.message(bright_image(0), now=True))
    assert scene.node.set_parameters(max_image_age=0.0) == []
    scene.label_of(old)


def test_rate_limit(scene):
    assert scene.node.set_parameters(max_rate=0.01) == []
    fates = scene.fates_of([scene.camera.message(bright_image(0)) for _ in range(4)])
    assert fates == {"parsed": 1, "rate_limited": 3}
    assert scene.node.set_parameters(max_rate=0) == []  # an integer for a double
    scene.label_of(scene.camera.message(bright_image(0)))


def test_wrong_parameters_are_refused_with_the_reason(scene):
    (reason,) = scene.node.set_parameters(max_rate=-1.0)
    assert reason == "parameter 'max_rate' is -1.0, but must be 0.0 or more"
    (reason,) = scene.node.set_parameters(bundle="another")
    assert "only while the node is unconfigured" in reason
    (reason,) = scene.node.set_parameters(overlay_alpha=2.0)
    assert reason
    assert scene.node.set_parameters(autostart=False) != []


def test_label_info_reaches_late_and_volatile_subscribers_again_and_again(scene):
    topic = f"{scene.node.name}/label_info_yaml"
    latched = scene.client.subscribe(String, topic, LATCHED)
    scene.client.spin_until(lambda: latched, "the latched label info")
    volatile = scene.client.subscribe(String, topic)
    scene.client.spin_until(lambda: len(volatile) >= 2, "two label infos")
    assert {message.data for message in volatile} == {latched[0].data}
    content = yaml.safe_load(volatile[0].data)
    assert content["threshold"] == 0.0
    assert LabelSpace.from_mapping(content).names == ("red", "green", "blue")
    latched.destroy()
    volatile.destroy()


def test_confidence_threshold(scene):
    # the model's confidence: softmax of the channels / 64 at temperature 2
    image = np.zeros((*SIZE, 3), np.uint8)
    image[:, 32:, 1] = 255
    infos = scene.client.subscribe(String, f"{scene.node.name}/label_info_yaml", LATCHED)
    assert scene.node.set_parameters(confidence_threshold=0.6) == []
    label = pixels_of(scene.label_of(scene.camera.message(image)))
    assert (label[:, :32] == 255).all()
    assert (label[:, 32:] == 1).all()
    scene.client.spin_until(
        lambda: infos and yaml.safe_load(infos[-1].data)["threshold"] == 0.6, "the new threshold"
    )
    assert scene.node.set_parameters(confidence_threshold=0.0) == []
    assert (pixels_of(scene.label_of(scene.camera.message(image)))[:, :32] == 0).all()
    infos.destroy()


def test_confidence_image(scene):
    image = random_image(3)
    confidence = scene.output_of(Image, "confidence", image)
    logits = image.astype(np.float64) / 64 / 2
    exponentials = np.exp(logits - logits.max(2, keepdims=True))
    expected = 255 * exponentials.max(2) / exponentials.sum(2)
    assert confidence.encoding == "mono8"
    # networks may run in bf16, whose steps are 1/256
    assert np.abs(pixels_of(confidence) - expected).max() <= 3


def test_overlay_image(scene):
    overlay = scene.output_of(Image, "overlay", np.full((*SIZE, 3), (40, 120, 80), np.uint8))
    assert (overlay.encoding, overlay.step) == ("rgb8", 3 * SIZE[1])
    # a quarter of the label's green, three quarters of the image
    expected = np.full((*SIZE, 3), (30, 0.75 * 120 + 0.25 * 255, 60))
    assert np.abs(pixels_of(overlay) - expected).max() <= 1


def test_compressed_labels(scene):
    image = random_image(4)
    message = scene.output_of(CompressedImage, "label/compressed", image)
    assert message.format == "mono8; png compressed"
    decoded = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(decoded, np.argmax(image, axis=2))


def test_camera_info_is_relayed_with_the_labels_header(scene):
    sent = CameraInfo(width=64, height=48, distortion_model="plumb_bob", d=[0.1] * 5)
    sent.k[0] = sent.k[4] = 50.0
    sent.header.frame_id = "another_frame"
    publisher = scene.client.node.create_publisher(
        CameraInfo, f"{scene.node.namespace}/camera_info", 10
    )
    relayed = scene.client.subscribe(CameraInfo, f"{scene.node.name}/camera_info")

    def relay() -> bool:
        publisher.publish(sent)
        scene.client.spin_for(0.05)
        label = scene.label_of(scene.camera.message(bright_image(0)))
        scene.client.spin_for(0.05)
        return bool(relayed) and relayed[-1].header == label.header

    scene.client.spin_until(relay, "the relayed camera info")
    relayed[-1].header = sent.header
    assert relayed[-1] == sent

    assert scene.node.values()["invalid_camera_infos"] == "0"
    sent.k[2] = math.nan
    scene.client.spin_until(lambda: relay() and math.isnan(relayed[-1].k[2]), "NaN intrinsics")
    assert int(scene.node.values()["invalid_camera_infos"]) > 0
    assert scene.node.log().count("not finite") == 1
    scene.client.node.destroy_publisher(publisher)
    relayed.destroy()


def test_diagnostics_say_what_runs(scene, channel_bundle):
    values = scene.node.values()
    assert scene.node.status().name == f"{scene.node.name[1:]}: image parsing"
    assert values["bundle"] == channel_bundle.name
    assert values["bundle_hash"] == channel_bundle.hash
    assert values["device"] == "cpu"
    assert values["state"] == "active"
    assert float(values["latency_p50_ms"]) > 0
