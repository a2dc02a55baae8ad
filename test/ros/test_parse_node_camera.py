# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The node with the shipped model at a camera's pace, and cameras that don't work out."""

from __future__ import annotations

import array

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy")

from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from seg3d2d_ros.bundle import ModelBundle
from seg3d2d_ros.label_groups import LabelGroups
from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.parser import ParserConfig, SceneParser

pytestmark = pytest.mark.ros

FRAMES = 75
PERIOD_S = 1 / 30


@pytest.fixture(scope="module")
def node(start_shared_node, bundle_path):
    """The node as users start it."""
    started = start_shared_node(bundle=bundle_path, diagnostics_period=0.05)
    started.wait_for_log("parsing /")
    return started


@pytest.mark.parametrize(("height", "width"), [(480, 640), (1080, 1920)])
def test_every_image_of_a_camera_is_accounted_for(node, client, height, width):
    camera = client.camera(f"{node.namespace}/image", reliable=False)
    labels = client.subscribe(Image, f"{node.name}/label")
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)

    def warm() -> bool:
        camera.publish(camera.message(image, now=True))
        client.spin_for(PERIOD_S)
        return bool(labels)

    client.spin_until(warm, "the first label")
    before = node.counts()
    labels.clear()
    sent = []
    for _ in range(FRAMES):
        message = camera.message(image, now=True)
        sent.append(camera.publish(message))
        client.spin_for(PERIOD_S)
    counts = node.counts()  # checks that what was received was parsed or counted as dropped
    received = counts["received"] - before["received"]
    parsed = counts["parsed"] - before["parsed"]
    # with the default shared memory one VGA image in 25 arrives, and none of 1080p
    assert received > FRAMES / 2
    client.spin_until(lambda: len(labels) >= parsed, "all labels")
    assert len(labels) == parsed
    assert set(labels.stamps()) <= set(sent)
    assert all((m.height, m.width, m.step) == (height, width, width) for m in labels)
    camera.destroy()
    labels.destroy()


def test_compressed_camera_with_coarse_labels(start_node, bundle_path, client):
    bundle = ModelBundle.load(bundle_path)
    node = start_node(
        bundle=bundle_path,
        image_transport="compressed",
        label_groups="navigation",
        backend="onnxruntime",
        threads=1,
        use_sim_time=True,  # and nobody publishes /clock
        diagnostics_period=0.05,
    )
    node.wait_for_log("parsing /.*/image/compressed")
    camera = client.camera(f"{node.namespace}/image/compressed", message_type=CompressedImage)
    labels = client.subscribe(Image, f"{node.name}/label")
    infos = client.subscribe(String, f"{node.name}/label_info_yaml")
    bgr = cv2.imread(str(bundle.reference[0].image.path))
    jpeg = cv2.imencode(".jpg", bgr)[1]
    message = CompressedImage(format="bgr8; jpeg compressed bgr8")
    message.data = array.array("B", jpeg.tobytes())
    message.header.frame_id = "camera"

    def labelled() -> bool:
        camera.publish(message)
        client.spin_for(0.1)
        return bool(labels)

    client.spin_until(labelled, "a label")
    decoded = cv2.cvtColor(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    parser = SceneParser(bundle, ParserConfig(backend="onnxruntime", threads=1))
    groups = LabelGroups.load("navigation", bundle.label_space)
    expected = groups.table[parser.parse(decoded).labels]
    published = np.frombuffer(labels[0].data, np.uint8).reshape(expected.shape)
    assert np.mean(published == expected) > 0.999
    assert len(np.unique(published)) > 1

    client.spin_until(lambda: infos, "the label info, though simulated time stands still")
    space = LabelSpace.from_mapping(yaml.safe_load(infos[-1].data))
    assert space.names == groups.label_space.names

    cut = CompressedImage(format="jpeg", data=array.array("B", jpeg.tobytes()[:-500]))
    camera.publish(cut)
    node.wait_for_log("undecodable.*JPEG is cut off")
    labels.clear()
    client.spin_until(labelled, "a label after the truncated image")
    camera.destroy()


def test_silent_camera_is_explained(start_node, channel_bundle, client):
    node = start_node(
        bundle=channel_bundle.path,
        qos_reliability="reliable",
        camera_silence_timeout=0.3,
        diagnostics_period=0.05,
    )
    node.wait_for_log("nobody publishes on it")
    publisher = client.node.create_publisher(Image, f"{node.namespace}/image", 1)
    client.spin_until(
        lambda: "shared-memory segment" in node.status().message, "the reason in the diagnostics"
    )
    client.node.destroy_publisher(publisher)
    node.end()


def test_best_effort_camera_for_a_reliable_node_is_explained(start_node, channel_bundle, client):
    node = start_node(
        bundle=channel_bundle.path,
        qos_reliability="reliable",
        camera_silence_timeout=2.0,
    )
    publisher = client.node.create_publisher(
        Image, f"{node.namespace}/image", qos_profile_sensor_data
    )
    node.wait_for_log("publishes best effort, but the parameter qos_reliability asks for reliable")
    client.node.destroy_publisher(publisher)
