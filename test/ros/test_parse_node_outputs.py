# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What the running node publishes beside the labels."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy")

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from scene import SIZE, bright_image, pixels_of, random_image
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from seg3d2d_ros.labels import LabelSpace

pytestmark = pytest.mark.ros


LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


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

    assert scene.node.values()["unfit_camera_infos"] == "0"
    relayed.clear()
    scene.label_of(scene.camera.message(bright_image(0, (96, 128))))
    scene.client.spin_for(0.2)
    assert relayed == []  # it is of another image size
    assert int(scene.node.values()["unfit_camera_infos"]) > 0
    assert "camera_info is of images of 64x48, but they are 128x96" in scene.node.log()

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
