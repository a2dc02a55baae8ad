# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The bags that we write, field by field against the formats of rosbag2, by readers of others.

Sources: rosbag2_storage's yaml.hpp (metadata.yaml, version 8), rosbag2_storage_sqlite3's
sqlite_storage.cpp (schema 4), rosbag2_storage_mcap's mcap_storage.cpp, the MCAP specification.
Read with sqlite3, PyYAML and mcap; ``rosbags``, which wrote them, is not asked.
"""

from __future__ import annotations

import io
import re
import sqlite3
from collections import Counter

import cv2
import numpy as np
import pytest
import yaml

mcap_records = pytest.importorskip("mcap.records")
ros2_decoder = pytest.importorskip("mcap_ros2.decoder")
rosbags = pytest.importorskip("rosbags.rosbag2")
pytest.importorskip("onnxruntime")

from mcap.data_stream import ReadDataStream  # noqa: E402
from mcap.reader import SeekingReader, make_reader  # noqa: E402
from rosbags.typesys import Stores, get_typestore  # noqa: E402

from seg3d2d_ros.bag.camera_calibration import CameraCalibration  # noqa: E402
from seg3d2d_ros.bag.frame_source import Frame  # noqa: E402
from seg3d2d_ros.bag.labelling import label_bag  # noqa: E402
from seg3d2d_ros.bag.rosbag_source import RosbagSource  # noqa: E402
from seg3d2d_ros.bag.writer import write_bag  # noqa: E402
from seg3d2d_ros.labels import LabelSpace  # noqa: E402
from seg3d2d_ros.parser import ParserConfig, SceneParser  # noqa: E402

SIZE = (240, 320)  # so that a bag has several chunks
HASHES = {  # as rclpy of Kilted reports them of its publishers
    "sensor_msgs/msg/Image": (
        "RIHS01_d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47"
    ),
    "std_msgs/msg/String": (
        "RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18"
    ),
}
STRUCTURES = {
    0x01: mcap_records.Header, 0x02: mcap_records.Footer, 0x03: mcap_records.Schema,
    0x04: mcap_records.Channel, 0x06: mcap_records.Chunk, 0x07: mcap_records.MessageIndex,
    0x08: mcap_records.ChunkIndex, 0x0B: mcap_records.Statistics, 0x0C: mcap_records.Metadata,
    0x0D: mcap_records.MetadataIndex, 0x0E: mcap_records.SummaryOffset, 0x0F: mcap_records.DataEnd,
}  # fmt: skip


def images(count=8):
    rng = np.random.default_rng(2)
    return [
        np.kron(rng.integers(0, 256, (6, 8, 3), np.uint8), np.ones((40, 40, 1), np.uint8))
        for _ in range(count)
    ]


def source_bag(folder, plugin):
    """Raw images, a latched text and a topic on which nothing was said."""
    store = get_typestore(Stores.ROS2_JAZZY)
    types = store.types
    plugin = getattr(rosbags.StoragePlugin, plugin)
    with rosbags.Writer(folder, version=9, storage_plugin=plugin) as writer:
        kinds = {
            "/cam/image": "sensor_msgs/msg/Image",
            "/map_name": "std_msgs/msg/String",
            "/silent": "std_msgs/msg/String",
        }
        made = {t: writer.add_connection(t, kind, typestore=store) for t, kind in kinds.items()}
        text = types["std_msgs/msg/String"]("kitchen")
        writer.write(made["/map_name"], 10**18, store.serialize_cdr(text, text.__msgtype__))
        for k, pixels in enumerate(images()):
            stamp = types["builtin_interfaces/msg/Time"](10**9 - 1 - k, 7)
            header = types["std_msgs/msg/Header"](stamp, "camera_optical_frame")
            image = types["sensor_msgs/msg/Image"](
                header, *SIZE, "rgb8", 0, SIZE[1] * 3, pixels.reshape(-1)
            )
            data = store.serialize_cdr(image, image.__msgtype__)
            writer.write(made["/cam/image"], 10**18 + k * 10**8, data)
    return folder


@pytest.fixture(scope="module")
def bags(channel_bundle, repository, tmp_path_factory):
    """Bags of everything here that writes one, by the kind of their storage."""
    folder = tmp_path_factory.mktemp("bags")
    parser = SceneParser(channel_bundle, ParserConfig("onnxruntime", threads=1))
    made = {}
    for plugin in ("MCAP", "SQLITE3"):
        source = source_bag(folder / f"source_{plugin}", plugin)
        made[plugin] = folder / f"labelled_{plugin}"
        label_bag(RosbagSource(source, "/cam/image"), made[plugin], parser)
    frames = (Frame(k * 10**8, image, str(k), "cam") for k, image in enumerate(images()))
    made["images"] = folder / "images"
    calibration = CameraCalibration(320, 240, (300, 0, 159.5, 0, 300, 119.5, 0, 0, 1))
    write_bag(made["images"], frames, calibration, jpeg_quality=95)
    try:
        from training.scene_bag import write_scene_bag
    except ImportError:  # trimesh, which only the offline half needs
        return made
    made["scene"] = folder / "scene"
    space = LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")
    write_scene_bag(scene(folder / "scene0000_00"), made["scene"], space)
    return made


def scene(folder):
    """A room in ScanNet's layout."""
    for part in ("color", "depth", "label", "pose"):
        (folder / part).mkdir(parents=True)
    for name in ("color", "depth", "pose/0", "pose/1"):
        matrix = np.diag([300.0, 300, 1, 1]) if "/" not in name else np.eye(4)
        file = f"{name}.txt" if "/" in name else f"intrinsics_{name}.txt"
        np.savetxt(folder / file, matrix)
    for k, image in enumerate(images(2)):
        cv2.imwrite(str(folder / "color" / f"{k}.jpg"), image)
        cv2.imwrite(str(folder / "depth" / f"{k}.png"), image[..., 0].astype(np.uint16) * 9)
        cv2.imwrite(str(folder / "label" / f"{k}.png"), image[..., 1] % 41)
    return folder


KINDS = ("MCAP", "SQLITE3", "images", "scene")


@pytest.fixture
def bag(bags, kind):
    """The bag of a kind."""
    if kind not in bags:
        pytest.skip("trimesh is not installed")
    return bags[kind]


def information(bag):
    content = yaml.safe_load((bag / "metadata.yaml").read_text(encoding="utf-8"))
    assert content.keys() == {"rosbag2_bagfile_information"}
    return content["rosbag2_bagfile_information"]


def records(content, start=0, end=None):
    """(opcode, offset, bytes after the length) of MCAP records, by hand."""
    position, end = start, len(content) if end is None else end
    while position < end:
        length = int.from_bytes(content[position + 1 : position + 9], "little")
        yield content[position], position, content[position + 9 : position + 9 + length]
        position += 9 + length
    assert position == end


def structure(opcode, data):
    return STRUCTURES[opcode].read(ReadDataStream(io.BytesIO(data)))


def stored(bag):
    """(topic, type, time, data) of every message, by a reader of others, in the order stored."""
    (file,) = (f for f in bag.iterdir() if f.suffix != ".yaml")
    if file.suffix == ".mcap":
        with file.open("rb") as stream:
            reader = make_reader(stream, validate_crcs=True)
            assert isinstance(reader, SeekingReader)
            return [(c.topic, s.name, m.log_time, m.data) for s, c, m in reader.iter_messages()]
    with sqlite3.connect(file) as connection:
        rows = connection.execute(
            "SELECT name, type, timestamp, data FROM messages JOIN topics "
            "ON messages.topic_id = topics.id ORDER BY messages.id"
        ).fetchall()
    connection.close()
    return rows


@pytest.mark.parametrize("kind", KINDS)
def test_metadata(bag, kind):
    found, messages = information(bag), stored(bag)
    storage = "sqlite3" if kind == "SQLITE3" else "mcap"
    file = bag / f"{bag.name}{'.db3' if kind == 'SQLITE3' else '.mcap'}"
    assert {path.name for path in bag.iterdir()} == {"metadata.yaml", file.name}
    times = [t for _, _, t, _ in messages]
    start, duration = (
        {"nanoseconds_since_epoch": min(times)},
        {"nanoseconds": max(times) - min(times)},
    )
    topics = found.pop("topics_with_message_count")
    assert found == {
        "version": 8,
        "storage_identifier": storage,
        "relative_file_paths": [file.name],
        "duration": duration,
        "starting_time": start,
        "message_count": len(messages),
        "compression_format": "",
        "compression_mode": "",
        "files": [
            {
                "path": file.name,
                "starting_time": start,
                "duration": duration,
                "message_count": len(messages),
            }
        ],
        "custom_data": None,
        "ros_distro": "rosbags",
    }
    counts, kinds = Counter(m[0] for m in messages), {m[0]: m[1] for m in messages}
    assert len(topics) == len({t["topic_metadata"]["name"] for t in topics})
    for topic in topics:
        about = topic.pop("topic_metadata")
        assert topic == {"message_count": counts[about["name"]]}
        assert about.keys() == {
            "name", "type", "serialization_format", "offered_qos_profiles", "type_description_hash",
        }  # fmt: skip
        assert about["type"] == kinds.get(about["name"], "std_msgs/msg/String")
        assert about["serialization_format"] == "cdr"
        assert about["offered_qos_profiles"] == ""  # text in version 8; empty: the player's own
        assert re.fullmatch("RIHS01_[0-9a-f]{64}", about["type_description_hash"])
        expected = HASHES.get(about["type"], about["type_description_hash"])
        assert about["type_description_hash"] == expected
    if kind in ("MCAP", "SQLITE3"):
        assert counts == {
            "/cam/image": 8, "/map_name": 1, "/parse/label": 8, "/parse/label_info_yaml": 1,
        }  # fmt: skip
        assert len(topics) == 5  # the silent one among them


@pytest.mark.parametrize("kind", ["MCAP", "images", "scene"])
def test_mcap_records(bag, kind):
    content = (bag / f"{bag.name}.mcap").read_bytes()
    magic = b"\x89MCAP0\r\n"
    assert content[:8] == content[-8:] == magic
    listed = list(records(content, 8, len(content) - 8))
    order = "".join(f"{opcode:x}" for opcode, _, _ in listed)
    # header; chunks, each followed by its indexes; metadata; end of data; then the summary:
    # schemas, channels, chunk indexes, metadata index, statistics, offsets of these; footer
    assert re.fullmatch("1(67+)+cf3+4+8+dbe+2", order), order

    header = structure(0x01, listed[0][2])
    assert header.profile == "ros2" and header.library
    footer = structure(0x02, listed[-1][2])
    first = next(offset for opcode, offset, _ in listed if opcode == 0x03)
    offsets = [(offset, structure(0x0E, data)) for opcode, offset, data in listed if opcode == 0x0E]
    assert footer.summary_start == first and footer.summary_offset_start == offsets[0][0]
    for _, group in offsets:
        of_group = [x for x in listed if x[0] == group.group_opcode and x[1] >= first]
        assert group.group_start == of_group[0][1]
        assert group.group_length == sum(9 + len(data) for _, _, data in of_group)

    schemas = [structure(0x03, data) for opcode, _, data in listed if opcode == 0x03]
    channels = [structure(0x04, data) for opcode, _, data in listed if opcode == 0x04]
    assert len({s.name for s in schemas}) == len(schemas) and 0 not in {s.id for s in schemas}
    assert all(s.encoding == "ros2msg" and s.data for s in schemas)
    for channel in channels:
        assert channel.message_encoding == "cdr"
        assert channel.metadata == {"offered_qos_profiles": ""}
    names = {s.id: s.name for s in schemas}
    assert [(c.topic, names[c.schema_id]) for c in channels] == [
        (t["topic_metadata"]["name"], t["topic_metadata"]["type"])
        for t in information(bag)["topics_with_message_count"]
    ]

    indexes = [structure(0x08, data) for opcode, _, data in listed if opcode == 0x08]
    chunks = [(at, data) for opcode, at, data in listed if opcode == 0x06]
    assert len(chunks) == len(indexes) > (kind == "MCAP")
    counts: Counter[int] = Counter()
    for index, (at, data) in zip(indexes, chunks, strict=True):
        counts += check_chunk(content, index, at, data)
    about = next(structure(0x0B, data) for opcode, _, data in listed if opcode == 0x0B)
    times = [t for _, _, t, _ in stored(bag)]
    assert (about.message_count, about.chunk_count) == (len(times), len(chunks))
    assert (about.message_start_time, about.message_end_time) == (min(times), max(times))
    assert (about.schema_count, about.channel_count) == (len(schemas), len(channels))
    assert (about.attachment_count, about.metadata_count) == (0, 1)
    assert Counter(about.channel_message_counts) == counts

    place = next((at, data) for opcode, at, data in listed if opcode == 0x0C)
    metadata = structure(0x0C, place[1])
    assert metadata.name == "rosbag2" and metadata.metadata.keys() == {"serialized_metadata"}
    assert yaml.safe_load(metadata.metadata["serialized_metadata"]) == information(bag)
    index = next(structure(0x0D, data) for opcode, _, data in listed if opcode == 0x0D)
    assert (index.name, index.offset, index.length) == ("rosbag2", place[0], 9 + len(place[1]))


def check_chunk(content, index, at, data):
    """A chunk, its index in the summary and the message indexes behind it; messages by channel."""
    chunk = structure(0x06, data)
    assert (index.chunk_start_offset, index.chunk_length) == (at, 9 + len(data))
    assert (chunk.compression, index.compression) == ("", "")
    assert index.uncompressed_size == index.compressed_size == chunk.uncompressed_size
    assert chunk.uncompressed_size == len(chunk.data)
    messages = {}
    for opcode, offset, body in records(chunk.data):
        if opcode == 0x05:
            message = mcap_records.Message.read(ReadDataStream(io.BytesIO(body)), len(body))
            assert message.log_time == message.publish_time and message.sequence == 0
            assert message.data[:4] == b"\0\1\0\0"  # CDR, little-endian
            messages.setdefault(message.channel_id, []).append((message.log_time, offset))
        else:
            assert opcode in (0x03, 0x04)
    times = [t for listed in messages.values() for t, _ in listed]
    assert index.message_start_time == chunk.message_start_time == min(times)
    assert index.message_end_time == chunk.message_end_time == max(times)
    assert index.message_index_offsets.keys() == messages.keys()
    behind = at + 9 + len(data)
    found = {}
    for opcode, offset, body in records(content, behind, behind + index.message_index_length):
        listed = structure(opcode, body)
        assert index.message_index_offsets[listed.channel_id] == offset
        found[listed.channel_id] = listed.records
    assert found == messages
    return Counter({channel: len(listed) for channel, listed in messages.items()})


def test_sqlite_tables(bags):
    bag = bags["SQLITE3"]
    connection = sqlite3.connect(bag / f"{bag.name}.db3")

    def ask(question):
        return connection.execute(question).fetchall()

    def columns(table):
        return [
            (name, kind, bool(key))
            for _, name, kind, _, _, key in ask(f"PRAGMA table_info({table})")
        ]

    assert ask("PRAGMA integrity_check") == [("ok",)]
    tables = {name for (name,) in ask("SELECT name FROM sqlite_master WHERE type = 'table'")}
    made = {"schema", "metadata", "topics", "message_definitions", "messages"}
    assert {name for name in tables if not name.startswith("sqlite_")} == made
    assert columns("schema") == [("schema_version", "INTEGER", True), ("ros_distro", "TEXT", False)]
    assert columns("metadata") == [
        ("id", "INTEGER", True), ("metadata_version", "INTEGER", False),
        ("metadata", "TEXT", False),
    ]  # fmt: skip
    assert columns("topics") == [
        ("id", "INTEGER", True), ("name", "TEXT", False), ("type", "TEXT", False),
        ("serialization_format", "TEXT", False), ("offered_qos_profiles", "TEXT", False),
        ("type_description_hash", "TEXT", False),
    ]  # fmt: skip
    assert columns("message_definitions") == [
        ("id", "INTEGER", True), ("topic_type", "TEXT", False), ("encoding", "TEXT", False),
        ("encoded_message_definition", "TEXT", False), ("type_description_hash", "TEXT", False),
    ]  # fmt: skip
    assert columns("messages") == [
        ("id", "INTEGER", True), ("topic_id", "INTEGER", False), ("timestamp", "INTEGER", False),
        ("data", "BLOB", False),
    ]  # fmt: skip
    assert ask("PRAGMA index_info(timestamp_idx)")[0][2] == "timestamp"

    assert ask("SELECT schema_version FROM schema") == [(4,)]
    ((version, text),) = ask("SELECT metadata_version, metadata FROM metadata")
    assert version == 8 and yaml.safe_load(text) == information(bag)
    listed = [t["topic_metadata"] for t in information(bag)["topics_with_message_count"]]
    assert ask("SELECT name, type, serialization_format, offered_qos_profiles, "
               "type_description_hash FROM topics ORDER BY id") == [
        (t["name"], t["type"], "cdr", "", t["type_description_hash"]) for t in listed
    ]  # fmt: skip
    definitions = ask("SELECT topic_type, encoding, type_description_hash FROM message_definitions")
    assert sorted(definitions) == sorted(
        {(t["type"], "ros2msg", t["type_description_hash"]) for t in listed}
    )
    rows = ask(
        "SELECT id, topic_id, timestamp, typeof(data), hex(substr(data, 1, 4)) FROM messages"
    )
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert {row[1] for row in rows} == {1, 2, 4, 5}  # nothing on the silent one
    assert [row[2] for row in rows] == sorted(row[2] for row in rows)
    assert {row[3:] for row in rows} == {("blob", "00010000")}
    connection.close()


@pytest.mark.parametrize("kind", KINDS)
def test_definitions_suffice_to_read_every_message(bag, kind):
    """A decoder that knows no types reads them with the definitions in the bag alone."""
    decoders = {name: make(bag, name) for name in {m[1] for m in stored(bag)}}
    read = [(topic, decoders[name](data)) for topic, name, _, data in stored(bag)]
    labels = [m for topic, m in read if topic == "/parse/label"]
    if kind == "scene":
        assert [len(m.transforms) for topic, m in read if topic == "/tf"] == [1, 1]
        assert {m.encoding for topic, m in read if topic == "/camera/depth/image"} == {"16UC1"}
        return
    if kind == "images":
        assert {m.format for t, m in read if t.endswith("compressed")} == {
            "rgb8; jpeg compressed bgr8"
        }
        assert {m.k[0] for t, m in read if t.endswith("camera_info")} == {300}
        return
    # in the order of the header stamps, which run backwards here
    for k, (label, pixels) in enumerate(zip(labels, reversed(images()), strict=True)):
        assert (label.header.stamp.sec, label.header.stamp.nanosec) == (10**9 - 8 + k, 7)
        assert label.header.frame_id == "camera_optical_frame"
        assert (label.height, label.width, label.step) == (*SIZE, SIZE[1])
        assert (label.encoding, label.is_bigendian) == ("mono8", 0)
        found = np.frombuffer(bytes(label.data), np.uint8).reshape(SIZE)
        assert (found == pixels.argmax(2)).all()
    (text,) = (m for topic, m in read if topic == "/map_name")
    assert text.data == "kitchen"
    # and nothing of the old bag is another
    old = stored(bag.with_name(bag.name.replace("labelled", "source")))
    ours = {"/parse/label", "/parse/label_info_yaml"}
    assert [m for m in stored(bag) if m[0] not in ours] == old


def make(bag, name):
    """Decoder of a type, from the definition that the bag holds."""
    if (bag / f"{bag.name}.mcap").exists():
        with (bag / f"{bag.name}.mcap").open("rb") as stream:
            schemas = make_reader(stream).get_summary().schemas.values()
        (schema,) = (s for s in schemas if s.name == name)
    else:
        with sqlite3.connect(bag / f"{bag.name}.db3") as connection:
            ((text,),) = connection.execute(
                "SELECT encoded_message_definition FROM message_definitions WHERE topic_type = ?",
                (name,),
            ).fetchall()
        connection.close()
        schema = mcap_records.Schema(id=1, name=name, encoding="ros2msg", data=text.encode())
    return ros2_decoder.DecoderFactory().decoder_for("cdr", schema)
