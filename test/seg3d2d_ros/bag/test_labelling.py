# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A labelled bag: everything of the old one, and labels that a second reader finds right."""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext

import cv2
import numpy as np
import pytest
import yaml

rosbags = pytest.importorskip("rosbags.rosbag2")

from rosbags.typesys import Stores, get_typestore  # noqa: E402

from seg3d2d_ros.bag.frame_source import FrameSourceError  # noqa: E402
from seg3d2d_ros.bag.labelling import BagLabelError, label_bag  # noqa: E402
from seg3d2d_ros.bag.rosbag_source import RosbagSource  # noqa: E402
from seg3d2d_ros.labels import LabelSpace  # noqa: E402
from seg3d2d_ros.parser import ParserConfig, SceneParser  # noqa: E402

pytest.importorskip("onnxruntime")

STORE = get_typestore(Stores.ROS2_JAZZY)
IMAGE = "sensor_msgs/msg/Image"


@pytest.fixture
def parser(channel_bundle):
    """Labels each pixel with its brightest channel."""
    return SceneParser(channel_bundle, ParserConfig("onnxruntime", threads=1))


def messages(bag):
    with rosbags.Reader(bag) as reader:
        return [(c.topic, c.msgtype, t, bytes(data)) for c, t, data in reader.messages()]


def labels_of(bag, topic="/parse/label"):
    return [
        (t, STORE.deserialize_cdr(data, IMAGE))
        for name, _, t, data in messages(bag)
        if name == topic
    ]


def write_images(folder, stamps, plugin="MCAP", size=(48, 64)):
    """Raw images by chance, recorded a second apart with the given header stamps (s, ns)."""
    rng = np.random.default_rng(1)
    types = STORE.types
    images = []
    plugin = getattr(rosbags.StoragePlugin, plugin)
    with rosbags.Writer(folder, version=8, storage_plugin=plugin) as writer:
        camera = writer.add_connection("/cam/image", IMAGE, typestore=STORE)
        for k, stamp in enumerate(stamps):
            coarse = rng.integers(0, 256, (size[0] // 8, size[1] // 8, 3), np.uint8)
            pixels = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
            header = types["std_msgs/msg/Header"](
                types["builtin_interfaces/msg/Time"](*stamp), f"frame {k}"
            )
            image = types[IMAGE](header, *size, "rgb8", 0, size[1] * 3, pixels.reshape(-1))
            writer.write(camera, (k + 1) * 10**9, STORE.serialize_cdr(image, IMAGE))
            images.append(pixels)
    return images


@pytest.mark.parametrize("plugin", ["MCAP", "SQLITE3"])
def test_everything_is_copied_and_each_image_has_its_labels(make_bag, parser, tmp_path, plugin):
    topics = {"/camera/image": "rgb8", "/chatter": "string", "/depth": "16UC1", "/jpeg": "jpeg"}
    bag = make_bag(topics, plugin=plugin, frames=4)
    out = tmp_path / "labelled"
    done = label_bag(RosbagSource(bag, "/camera/image"), out, parser)
    assert (done.labelled, done.resumed, done.faults) == (4, 0, [])
    assert any(f.suffix == (".mcap" if plugin == "MCAP" else ".db3") for f in out.iterdir())
    ours = {"/parse/label", "/parse/label_info_yaml"}
    assert [m for m in messages(out) if m[0] not in ours] == messages(bag)
    found = labels_of(out)
    assert [t for t, _ in found] == [10**9 + k for k in range(4)]
    for k, (_, label) in enumerate(found):
        assert (label.header.stamp.sec, label.header.stamp.nanosec) == (100 + k, 5)
        assert label.header.frame_id == "left_optical_frame"
        assert (label.encoding, label.height, label.width, label.step) == ("mono8", 24, 32, 32)
        assert (label.data == np.argmax((k, 2 * k, 3 * k + 1))).all()
    (info,) = [data for topic, _, _, data in messages(out) if topic == "/parse/label_info_yaml"]
    text = STORE.deserialize_cdr(info, "std_msgs/msg/String").data
    assert LabelSpace.from_mapping(yaml.safe_load(text)).names == ("red", "green", "blue")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_labels_follow_each_other_by_header_stamp(parser, tmp_path):
    stamps = [(5, 0), (7, 0), (6, 0), (6, 500), (9, 0)]
    images = write_images(tmp_path / "bag", stamps)
    label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "out", parser)
    found = labels_of(tmp_path / "out")
    by_stamp = sorted(range(5), key=lambda k: stamps[k])
    assert [label.header.frame_id for _, label in found] == [f"frame {k}" for k in by_stamp]
    assert [t for t, _ in found] == [(k + 1) * 10**9 for k in range(5)]
    for (_, label), k in zip(found, by_stamp, strict=True):
        assert (label.data.reshape(48, 64) == images[k].argmax(2)).all()


def test_an_interrupted_call_goes_on_to_the_same_bag(parser, tmp_path, monkeypatch):
    write_images(tmp_path / "bag", [(k, 0) for k in range(6)])
    label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "whole", parser)
    parse, calls = parser.parse, []

    def stops(image):
        calls.append(image)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return parse(image)

    monkeypatch.setattr(parser, "parse", stops)
    with pytest.raises(KeyboardInterrupt):
        label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "parts", parser)
    assert not (tmp_path / "parts").exists()
    done = label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "parts", parser)
    assert (done.labelled, done.resumed, len(calls)) == (6, 3, 7)
    assert messages(tmp_path / "parts") == messages(tmp_path / "whole")


def test_images_are_prepared_while_others_are_labelled_but_few(parser, tmp_path, monkeypatch):
    write_images(tmp_path / "bag", [(k, 0) for k in range(8)])
    prepare, parse, prepared, waiting = parser.prepare, parser.parse, [], []

    def prepares(image):
        prepared.append(threading.current_thread())
        return prepare(image)

    def parses(image):
        deadline = time.monotonic() + 5
        done = len(waiting)
        while len(prepared) < min(done + 3, 8) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)  # for one too many to show
        waiting.append(len(prepared) - done)
        return parse(image)

    monkeypatch.setattr(parser, "prepare", prepares)
    monkeypatch.setattr(parser, "parse", parses)
    assert label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "out", parser).labelled == 8
    assert threading.current_thread() not in prepared
    # one in the parser's hands, one ready, one in the thread's hands
    assert waiting == [3, 3, 3, 3, 3, 3, 2, 1]


@pytest.mark.parametrize("plugin", ["MCAP", "SQLITE3"])
def test_parsers_side_by_side_give_the_same_bag(
    parser, channel_bundle, tmp_path, monkeypatch, plugin
):
    write_images(tmp_path / "bag", [(9 - k, 0) for k in range(9)], plugin)
    alone = label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "alone", parser)
    other = SceneParser(channel_bundle, ParserConfig("onnxruntime", threads=1))
    both_begun = threading.Barrier(2)
    begun = set()

    def watched(each, parse, busy):
        def parses(image):
            assert busy.acquire(blocking=False)  # a parser belongs to one thread at a time
            if each not in begun:
                begun.add(each)
                both_begun.wait(20)
            try:
                return parse(image)
            finally:
                busy.release()

        return parses

    for each in (parser, other):
        monkeypatch.setattr(each, "parse", watched(each, each.parse, threading.Lock()))
    source = RosbagSource(tmp_path / "bag")
    both = label_bag(source, tmp_path / "both", parser, beside=[other])
    assert begun == {parser, other}
    assert alone == both
    assert messages(tmp_path / "alone") == messages(tmp_path / "both")


def test_parsers_side_by_side_go_on_with_begun_work(parser, channel_bundle, tmp_path, monkeypatch):
    write_images(tmp_path / "bag", [(k, 0) for k in range(9)])
    label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "whole", parser)
    beside = [SceneParser(channel_bundle, ParserConfig("onnxruntime", threads=1))]
    decode = RosbagSource.decode

    def stops(source, raw):
        if raw.index == 5:
            raise KeyboardInterrupt
        return decode(source, raw)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RosbagSource, "decode", stops)
        source = RosbagSource(tmp_path / "bag")
        label_bag(source, tmp_path / "parts", parser, beside=beside)
    done = label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "parts", parser, beside=beside)
    assert (done.labelled, done.resumed) == (9, 5)
    assert messages(tmp_path / "parts") == messages(tmp_path / "whole")


def test_a_bag_found_damaged_ahead_is_one_sentence(parser, tmp_path, monkeypatch):
    write_images(tmp_path / "bag", [(k, 0) for k in range(6)])
    monkeypatch.setattr(RosbagSource, "decode", damaged)
    with pytest.raises(FrameSourceError, match="damaged here"):
        label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "out", parser)
    assert [path.name for path in tmp_path.iterdir()] == ["bag"]


def damaged(*_):
    raise FrameSourceError("damaged here")


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_opencv_has_one_thread_meanwhile_and_then_its_threads_back(
    parser, tmp_path, monkeypatch, ends
):
    write_images(tmp_path / "bag", [(0, 0), (1, 0)])
    parse, threads = parser.parse, []

    def counts(image):
        threads.append(cv2.getNumThreads())
        if ends == "badly":
            raise KeyboardInterrupt
        return parse(image)

    monkeypatch.setattr(parser, "parse", counts)
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(3)
        outcome = pytest.raises(KeyboardInterrupt) if ends == "badly" else nullcontext()
        with outcome:
            label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "out", parser)
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)
    assert threads == ([1] if ends == "badly" else [1, 1])


def test_begun_work_of_another_bag_is_not_gone_on_with(parser, tmp_path, monkeypatch):
    for name in ("a", "b"):
        write_images(tmp_path / name, [(k, 0) for k in range(2 + (name == "b"))])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("seg3d2d_ros.bag.labelling._assemble", interrupted)
        label_bag(RosbagSource(tmp_path / "a"), tmp_path / "out", parser)
    with pytest.raises(BagLabelError, match="begun labels of another bag"):
        label_bag(RosbagSource(tmp_path / "b"), tmp_path / "out", parser)


def interrupted(*_):
    raise KeyboardInterrupt


def test_begun_work_of_another_version_is_not_gone_on_with(parser, tmp_path, monkeypatch):
    write_images(tmp_path / "bag", [(0, 0), (1, 0)])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("seg3d2d_ros.bag.labelling._assemble", interrupted)
        patch.setattr("seg3d2d_ros.bag.labelling.__version__", "0.0.9")
        label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "out", parser)
    with pytest.raises(BagLabelError, match=r"or version of seg3d2d; remove it") as refused:
        label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "out", parser)
    assert len(str(refused.value).splitlines()) == 1
    monkeypatch.setattr("seg3d2d_ros.bag.labelling.__version__", "0.0.9")
    assert label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "out", parser).resumed == 2


def test_images_that_cannot_be_read_are_named_and_the_rest_labelled(make_bag, parser, tmp_path):
    bag = make_bag({"/image/compressed": ["png", "broken", "png"]})
    done = label_bag(RosbagSource(bag), tmp_path / "out", parser)
    assert done.labelled == 2 and [fault.name for fault in done.faults] == ["000001"]
    stamps = [label.header.stamp.sec for _, label in labels_of(tmp_path / "out")]
    assert stamps == [100, 102]
    none = make_bag({"/image/compressed": ["broken"]}, name="none")
    with pytest.raises(BagLabelError, match="none of the 1 images .* could be labelled; the first"):
        label_bag(RosbagSource(none), tmp_path / "nothing", parser)
    assert not (tmp_path / "nothing").exists()


def test_what_is_there_is_left_alone(make_bag, parser, tmp_path):
    bag = make_bag({"/image": "rgb8", "/parse/label": "16UC1"})
    (tmp_path / "out").mkdir()
    with pytest.raises(BagLabelError, match="out exists already"):
        label_bag(RosbagSource(bag, "/image"), tmp_path / "out", parser)
    with pytest.raises(BagLabelError, match="has a topic /parse/label already"):
        label_bag(RosbagSource(bag, "/image"), tmp_path / "new", parser)
    done = label_bag(RosbagSource(bag, "/image"), tmp_path / "new", parser, label_topic="/mine")
    assert done.labelled == 3 and len(labels_of(tmp_path / "new", "/mine")) == 3


def test_a_full_disk_is_one_sentence_and_the_next_call_goes_on(parser, tmp_path):
    import resource

    write_images(tmp_path / "bag", [(k, 0) for k in range(20)], size=(96, 128))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, limits[1]))
    try:
        with pytest.raises(BagLabelError, match="out can't be written .* goes on"):
            label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "out", parser)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (tmp_path / "out").exists()
    assert label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "out", parser).resumed == 20


def test_a_second_reader_agrees(parser, tmp_path):
    mcap = pytest.importorskip("mcap.reader")
    decoder = pytest.importorskip("mcap_ros2.decoder")
    images = write_images(tmp_path / "bag", [(k, 7) for k in range(3)])
    label_bag(RosbagSource(tmp_path / "bag"), tmp_path / "out", parser)
    with next((tmp_path / "out").glob("*.mcap")).open("rb") as stream:
        reader = mcap.make_reader(stream, decoder_factories=[decoder.DecoderFactory()])
        found = [m for *_, m in reader.iter_decoded_messages(topics=["/parse/label"])]
    for label, image in zip(found, images, strict=True):
        assert label.encoding == "mono8" and label.header.stamp.nanosec == 7
        pixels = np.frombuffer(bytes(label.data), np.uint8).reshape(48, 64)
        assert (pixels == image.argmax(2)).all()
