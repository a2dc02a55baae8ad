# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The live node and ``seg3d2d bag label`` give equal labels for equal frames, byte for byte.

With the shipped model on the shipped recording, through DDS on one side and files on the other.
"""

from __future__ import annotations

import array
import subprocess
import sys

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy")
pytest.importorskip("rosbags")

from rclpy.serialization import deserialize_message, serialize_message
from ros_client import stamp_of
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from seg3d2d_ros.bag.frame_source import open_frame_source
from seg3d2d_ros.cli import main
from seg3d2d_ros.messages import LABEL_INFO_TOPIC, LABEL_INFO_TYPE
from seg3d2d_ros.qos import LATCHED_QOS

pytestmark = pytest.mark.ros

STORE = get_typestore(Stores.ROS2_JAZZY)
FRAMES = 6
ENCODINGS = ("rgb8", "bgr8", "rgba8", "padded", "rgb8", "mono8")
# seconds and nanoseconds, recorded in another order than taken
STAMPS = [
    (1_700_000_000 + s, ns) for s, ns in ((3, 5), (1, 0), (2, 999_999_999), (2, 4), (9, 1), (4, 0))
]


@pytest.fixture(scope="module")
def pictures(repository):
    """Pictures of the shipped recording."""
    source = open_frame_source(repository / "recordings" / "living_room")
    every = len(source) // FRAMES
    return [f.image for k, f in enumerate(source) if k % every == 0][:FRAMES]


def filled_header(message, k):
    message.header.stamp.sec, message.header.stamp.nanosec = STAMPS[k]
    message.header.frame_id = f"camera_{k}_optical_frame"
    return message


def raw_message(k, pixels):
    encoding = ENCODINGS[k]
    if encoding == "bgr8":
        pixels = pixels[..., ::-1]
    elif encoding == "rgba8":
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 7, np.uint8)])
    elif encoding == "mono8":
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    pixels = np.ascontiguousarray(pixels)
    rows = pixels.reshape(len(pixels), -1)
    message = Image(height=pixels.shape[0], width=pixels.shape[1])
    message.encoding = "rgb8" if encoding == "padded" else encoding
    if encoding == "padded":
        rows = np.pad(rows, ((0, 0), (0, 40)), constant_values=99)
    message.step = rows.shape[1]
    message.data = array.array("B", rows.tobytes())
    return filled_header(message, k)


def compressed_message(k, pixels):
    kind = "png" if k % 3 == 2 else "jpeg"
    data = cv2.imencode("." + kind, pixels[..., ::-1])[1]
    message = CompressedImage(format=f"rgb8; {kind} compressed bgr8")
    message.data = array.array("B", data.tobytes())
    return filled_header(message, k)


def write_bag(folder, topic, messages, plugin):
    """A bag of what rclpy serialised."""
    kind = f"sensor_msgs/msg/{type(messages[0]).__name__}"
    plugin = getattr(StoragePlugin, plugin)
    with Writer(folder, version=8, storage_plugin=plugin) as writer:
        camera = writer.add_connection(topic, kind, typestore=STORE)
        for k, message in enumerate(messages):
            writer.write(camera, 10**18 + k, serialize_message(message))
    return folder


def recorded(bag, topic):
    """Serialised messages of a topic, in the order recorded."""
    with Reader(bag) as reader:
        connections = [c for c in reader.connections if c.topic == topic]
        return [bytes(data) for _, _, data in reader.messages(connections)]


def rewritten(data):
    """A serialised image with zeros where alignment leaves gaps, which rclpy does not fill."""
    kind = "sensor_msgs/msg/Image"
    return bytes(STORE.serialize_cdr(STORE.deserialize_cdr(data, kind), kind))


@pytest.mark.parametrize(("transport", "plugin"), [("raw", "MCAP"), ("compressed", "SQLITE3")])
def test_a_bag_played_to_the_live_node(
    client, start_node, pictures, bundle_path, tmp_path, transport, plugin
):
    make, topic = {
        "raw": (raw_message, "/cam/image"),
        "compressed": (compressed_message, "/cam/image/compressed"),
    }[transport]
    messages = [make(k, pixels) for k, pixels in enumerate(pictures)]
    bag = write_bag(tmp_path / "bag", topic, messages, plugin)
    words = ["--bundle", str(bundle_path), "--threads", "1"]
    assert main(["bag", "label", str(bag), str(tmp_path / "out"), *words]) == 0
    offline = {}
    for data in recorded(tmp_path / "out", "/parse/label"):
        offline[stamp_of(deserialize_message(data, Image))] = data
    assert list(offline) == sorted(STAMPS)  # in the order of the stamps

    node = start_node(
        bundle=bundle_path,
        image_transport=transport,
        qos_reliability="reliable",
        qos_depth=10,
        threads=1,
    )
    node.wait_for_log("parsing /", 60)
    labels = client.subscribe(Image, f"{node.name}/label")
    infos = client.subscribe(LABEL_INFO_TYPE, LABEL_INFO_TOPIC.replace("~", node.name), LATCHED_QOS)
    path = f"{node.namespace}/image" + ("/compressed" if transport == "compressed" else "")
    camera = client.camera(path, message_type=type(messages[0]))
    client.spin_until(lambda: client.node.count_publishers(f"{node.name}/label"), "the node")
    client.spin_until(lambda: infos, "the label info")
    for data in recorded(bag, topic):  # the bytes of the bag go to the node as they are
        message = deserialize_message(data, type(messages[0]))
        arrived = len(labels)
        camera.publish_serialized(data)
        client.spin_until(
            lambda n=arrived: len(labels) > n, f"the label of {stamp_of(message)}", 60
        )
    assert len(labels) == FRAMES
    assert labels.stamps() == STAMPS
    for label in labels:
        data = offline[stamp_of(label)]
        assert label == deserialize_message(data, Image)
        assert bytes(label.data) == data[-len(label.data) :]
        assert rewritten(serialize_message(label)) == data
    assert len({bytes(label.data) for label in labels}) == FRAMES  # and no two are alike
    assert min(len(np.unique(label.data)) for label in labels) > 3
    (info,) = recorded(tmp_path / "out", "/parse/label_info_yaml")
    text = deserialize_message(info, String).data
    if LABEL_INFO_TYPE is String:
        assert infos[0].data == text
    else:
        names = {c.class_id: c.class_name for c in infos[0].class_map}
        assert names == {c["id"]: c["name"] for c in yaml.safe_load(text)["classes"]}
    labels.destroy()
    infos.destroy()


def test_the_player_and_the_live_node(
    client, start_node, pictures, channel_bundle, repository, tmp_path
):
    """``bag play`` decodes, stamps anew and sends raw images; the labels are the same."""
    messages = [compressed_message(k, pixels) for k, pixels in enumerate(pictures)]
    bag = write_bag(tmp_path / "bag", "/cam/image/compressed", messages, "MCAP")
    words = ["--bundle", str(channel_bundle.path), "--backend", "onnxruntime"]
    assert main(["bag", "label", str(bag), str(tmp_path / "out"), *words]) == 0
    node = start_node(
        bundle=channel_bundle.path,
        diagnostics_period=0.05,
        qos_reliability="reliable",
        qos_depth=10,
        threads=1,
    )
    node.wait_for_log("parsing /")
    labels = client.subscribe(Image, f"{node.name}/label")
    client.spin_until(lambda: client.node.count_publishers(f"{node.name}/label"), "the node")
    player = subprocess.Popen(
        [
            *(sys.executable, "-m", "seg3d2d_ros.cli", "bag", "play", str(bag), "--rate", "2"),
            *("--wait-for-subscriber", "--ros-args", "-r", f"camera/image:={node.namespace}/image"),
        ],
        cwd=repository,
    )
    try:
        client.spin_until(lambda: player.poll() is not None, "the player's end", 60)
    finally:
        player.kill()
        player.wait()
    assert player.returncode == 0
    counts = node.counts()  # on a busy machine an image may be superseded
    assert counts["received"] == FRAMES == counts["parsed"] + counts.get("superseded", 0)
    client.spin_until(lambda: len(labels) == counts["parsed"], "all labels")
    assert labels
    offline = [deserialize_message(d, Image) for d in recorded(tmp_path / "out", "/parse/label")]
    by_frame = {label.header.frame_id: label for label in offline}
    assert len(by_frame) == FRAMES
    for label in labels:
        assert label.data == by_frame[label.header.frame_id].data
    labels.destroy()


def test_types_have_the_hashes_that_bags_hold(client, tmp_path, pictures):
    """As the middleware reports them of a running node."""
    publishers = [
        client.node.create_publisher(kind, f"/hash_of_{kind.__name__}", 1)
        for kind in (Image, CompressedImage)
    ]
    for kind, make in ((Image, raw_message), (CompressedImage, compressed_message)):
        topic = f"/hash_of_{kind.__name__}"
        (info,) = client.node.get_publishers_info_by_topic(topic)
        bag = write_bag(tmp_path / kind.__name__, topic, [make(0, pictures[0])], "MCAP")
        content = yaml.safe_load((bag / "metadata.yaml").read_text())
        (listed,) = content["rosbag2_bagfile_information"]["topics_with_message_count"]
        assert listed["topic_metadata"]["type_description_hash"] == str(info.topic_type_hash)
    for publisher in publishers:
        client.node.destroy_publisher(publisher)
