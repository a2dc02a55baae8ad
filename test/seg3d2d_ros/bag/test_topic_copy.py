# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What bags of other distributions and other writers say about themselves is in the copy."""

from __future__ import annotations

import sqlite3

import pytest
import yaml

rosbags = pytest.importorskip("rosbags.rosbag2")
pytest.importorskip("onnxruntime")

from rosbags.rosbag2.metadata import parse_qos  # noqa: E402

from seg3d2d_ros.bag.labelling import label_bag  # noqa: E402
from seg3d2d_ros.bag.rosbag_source import RosbagSource  # noqa: E402
from seg3d2d_ros.parser import ParserConfig, SceneParser  # noqa: E402

TOPICS = {"/cam/image": "rgb8", "/chatter": "string", "/odd": "odd"}
OURS = {"/parse/label", "/parse/label_info_yaml"}
IMAGE = "sensor_msgs/msg/Image"


@pytest.fixture
def copy(channel_bundle, tmp_path):
    """Function that labels a bag; returns the new one."""
    parser = SceneParser(channel_bundle, ParserConfig("onnxruntime", threads=1))

    def run(bag):
        done = label_bag(RosbagSource(bag, "/cam/image"), tmp_path / "out", parser)
        assert (done.faults, done.missing) == ([], {})
        return tmp_path / "out"

    return run


def messages(bag):
    with rosbags.Reader(bag) as reader:
        read = [(c.topic, c.msgtype, t, bytes(data)) for c, t, data in reader.messages()]
    return [message for message in read if message[0] not in OURS]


def information(bag):
    return yaml.safe_load((bag / "metadata.yaml").read_text())["rosbag2_bagfile_information"]


def topics(bag):
    """Everything the metadata say of each topic that is not ours."""
    listed = information(bag)["topics_with_message_count"]
    return {
        t["topic_metadata"]["name"]: t for t in listed if t["topic_metadata"]["name"] not in OURS
    }


def change(bag, changes):
    """Rewrite metadata.yaml."""
    content = information(bag)
    changes(content)
    (bag / "metadata.yaml").write_text(yaml.safe_dump({"rosbag2_bagfile_information": content}))


@pytest.mark.parametrize("plugin", ["MCAP", "SQLITE3"])
def test_types_hashes_and_unknown_messages_are_taken_over(make_bag, copy, plugin):
    bag = make_bag(TOPICS, plugin=plugin)
    out = copy(bag)
    assert topics(out) == topics(bag)
    assert topics(bag)["/odd"]["topic_metadata"]["type_description_hash"] == "RIHS01_" + "5a" * 32
    assert messages(out) == messages(bag)
    assert {data[8:] for t, _, _, data in messages(out) if t == "/odd"} == {
        b" and what its definition does not tell"
    }
    with rosbags.Reader(out) as reader:
        definitions = {c.topic: c.msgdef.data for c in reader.connections}
    assert definitions["/odd"] == "int32 x\n"


def to_humble(bag, plugin):
    """As Humble writes: version 5 without hashes, SQLite schema 3 without definitions."""

    def downgrade(content):
        content["version"] = 5
        del content["custom_data"], content["ros_distro"]
        for topic in content["topics_with_message_count"]:
            del topic["topic_metadata"]["type_description_hash"]

    change(bag, downgrade)
    if plugin == "SQLITE3":
        with sqlite3.connect(bag / "bag.db3") as connection:
            connection.executescript(
                "DROP TABLE metadata; DROP TABLE message_definitions; UPDATE schema SET "
                "schema_version = 3; ALTER TABLE topics DROP COLUMN type_description_hash"
            )
        connection.close()


@pytest.mark.parametrize("plugin", ["MCAP", "SQLITE3"])
@pytest.mark.parametrize("bare", [False, True])
def test_what_is_not_known_stays_unknown(make_bag, copy, plugin, bare):
    bag = make_bag(TOPICS, plugin=plugin)
    to_humble(bag, plugin)
    (file,) = (f for f in bag.iterdir() if f.suffix != ".yaml")
    out = copy(file if bare else bag)
    assert messages(out) == messages(bag)
    hashes = {n: t["topic_metadata"]["type_description_hash"] for n, t in topics(out).items()}
    assert hashes == {"/cam/image": "", "/chatter": "", "/odd": ""}
    if plugin == "MCAP":
        assert b"unknown" not in (out / "out.mcap").read_bytes()
        return
    with sqlite3.connect(out / "out.db3") as connection:
        rows = connection.execute("SELECT name, type_description_hash FROM topics").fetchall()
        listed = connection.execute(
            "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"
        ).fetchall()
    connection.close()
    assert {name: text for name, text in rows if name not in OURS} == hashes
    definitions = {name: (encoding, text) for name, encoding, text in listed}
    assert definitions.keys() == {IMAGE, "std_msgs/msg/String"}  # every distribution has these
    encoding, text = definitions[IMAGE]
    assert encoding == "ros2msg" and "uint8[] data" in text and "MSG: std_msgs/Header" in text


def test_quality_of_service_and_custom_data(make_bag, copy):
    bag = make_bag(TOPICS)
    forever = {"sec": 9223372036, "nsec": 854775807}
    profile = {
        "history": 3, "depth": 0, "reliability": 1, "durability": 1, "deadline": forever,
        "lifespan": forever, "liveliness": 1, "liveliness_lease_duration": forever,
        "avoid_ros_namespace_conventions": False,
    }  # fmt: skip
    text = yaml.safe_dump([profile])
    custom = {"robot": "rover", "run": "007", "dry": "yes"}
    with rosbags.Reader(bag) as reader:
        read = [(c, t, data) for c, t, data in reader.messages()]
        old = bag.with_name("old")
        with rosbags.Writer(old, version=9, storage_plugin=rosbags.StoragePlugin.MCAP) as writer:
            for key, value in custom.items():
                writer.set_custom_data(key, value)
            made = {
                c.topic: writer.add_connection(
                    c.topic, c.msgtype, msgdef=c.msgdef.data, rihs01=c.digest,
                    offered_qos_profiles=parse_qos(text),
                )
                for c in reader.connections
            }  # fmt: skip
            for connection, t, data in read:
                writer.write(made[connection.topic], t, data)
    out = copy(old)
    # as rosbag2 reads it: values are text, whatever they look like
    content = yaml.load((out / "metadata.yaml").read_text(), yaml.BaseLoader)
    assert content["rosbag2_bagfile_information"]["custom_data"] == custom
    assert messages(out) == messages(bag)
    for topic in topics(out).values():
        found = topic["topic_metadata"]["offered_qos_profiles"]  # text in this version
        assert yaml.safe_load(found) == [profile]


@pytest.mark.parametrize("plugin", ["MCAP", "SQLITE3"])
@pytest.mark.parametrize("mode", ["FILE", "MESSAGE"])
def test_compressed_bags_are_copied_plain(make_bag, copy, plugin, mode):
    bag = make_bag(TOPICS, plugin=plugin)
    packed = bag.with_name("packed")
    writer = rosbags.Writer(
        packed, version=8, storage_plugin=getattr(rosbags.StoragePlugin, plugin)
    )
    writer.set_compression(getattr(rosbags.CompressionMode, mode), rosbags.CompressionFormat.ZSTD)
    with rosbags.Reader(bag) as reader, writer:
        made = {
            c.id: writer.add_connection(c.topic, c.msgtype, msgdef=c.msgdef.data, rihs01=c.digest)
            for c in reader.connections
        }
        for connection, t, data in reader.messages():
            writer.write(made[connection.id], t, data)
    assert any(f.suffix == ".zstd" for f in packed.iterdir()) == (mode == "FILE")
    out = copy(packed)
    assert messages(out) == messages(bag)
    assert (information(out)["compression_mode"], information(out)["compression_format"]) == (
        "",
        "",
    )
    assert information(out)["storage_identifier"] == plugin.lower()


@pytest.mark.parametrize("compression", ["NONE", "LZ4", "ZSTD"])
def test_a_bag_of_another_writer_with_two_channels_of_a_topic(make_bag, copy, compression):
    mcap = pytest.importorskip("mcap.writer")
    bag = make_bag(TOPICS, frames=6)
    read = messages(bag)
    file = bag.with_name("other.mcap")
    with file.open("wb") as stream:
        writer = mcap.Writer(
            stream, compression=getattr(mcap.CompressionType, compression), chunk_size=5000
        )
        writer.start(profile="ros2", library="another")
        channels = {}
        for k, (topic, msgtype, t, data) in enumerate(read):
            if (topic, k % 2) not in channels:
                schema = writer.register_schema(msgtype, "ros2msg", b"int32 x\n")
                channels[topic, k % 2] = writer.register_channel(topic, "cdr", schema)
            writer.add_message(channels[topic, k % 2], t, data, t)
        writer.finish()
    assert len(channels) > 3
    out = copy(file)
    assert sorted(messages(out)) == sorted(read)
    assert {name: t["message_count"] for name, t in topics(out).items()} == {
        "/cam/image": 6, "/chatter": 6, "/odd": 6,
    }  # fmt: skip
