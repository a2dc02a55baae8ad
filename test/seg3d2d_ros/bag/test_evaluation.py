# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Labels against ground truth in a bag, counted again by hand."""

from __future__ import annotations

import json
import resource

import cv2
import numpy as np
import pytest

rosbags = pytest.importorskip("rosbags.rosbag2")
pytest.importorskip("onnxruntime")

from rosbags.typesys import Stores, get_typestore  # noqa: E402

from seg3d2d_ros.bag.evaluation import BagEvaluationError, evaluate_bag  # noqa: E402
from seg3d2d_ros.bag.labelling import label_bag  # noqa: E402
from seg3d2d_ros.bag.rosbag_source import RosbagSource  # noqa: E402
from seg3d2d_ros.cli import main  # noqa: E402
from seg3d2d_ros.parser import ParserConfig, SceneParser  # noqa: E402

STORE = get_typestore(Stores.ROS2_JAZZY)
TYPES = STORE.types
SIZE = (48, 64)


def header(stamp):
    return TYPES["std_msgs/msg/Header"](TYPES["builtin_interfaces/msg/Time"](stamp, 0), "camera")


def image(stamp, pixels, encoding):
    step = pixels[0].nbytes
    data = np.frombuffer(pixels.tobytes(), np.uint8)
    return TYPES["sensor_msgs/msg/Image"](header(stamp), *pixels.shape[:2], encoding, 0, step, data)


def png(stamp, pixels):
    data = cv2.imencode(".png", pixels)[1].reshape(-1)
    return TYPES["sensor_msgs/msg/CompressedImage"](header(stamp), "mono8; png compressed", data)


def write(folder, messages, plugin="MCAP"):
    """A bag of (topic, message) pairs, recorded in the order given; a number cuts one off."""
    plugin = getattr(rosbags.StoragePlugin, plugin)
    with rosbags.Writer(folder, version=8, storage_plugin=plugin) as writer:
        connections = {}
        for k, (topic, message, *size) in enumerate(messages):
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            data = bytes(STORE.serialize_cdr(message, kind))
            writer.write(connections[topic], k + 1, data[: size[0] if size else None])
    return folder


@pytest.fixture
def parser(channel_bundle):
    return SceneParser(channel_bundle, ParserConfig("onnxruntime", threads=1))


@pytest.fixture
def frames():
    """Pictures by chance and ground truth that is right on most pixels; 255 is none."""
    rng = np.random.default_rng(3)
    made = []
    for _ in range(4):
        pixels = np.kron(rng.integers(0, 256, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        truth = pixels.argmax(2).astype(np.uint8)
        truth[:8] = rng.integers(0, 3)
        truth[8:10] = 255
        made.append((pixels, truth))
    return made


def by_hand(pairs):
    counts = np.zeros((3, 4), int)
    for pixels, truth in pairs:
        for t, p in zip(truth.ravel(), pixels.argmax(2).ravel(), strict=True):
            if t < 3:
                counts[t, p] += 1
    return counts


@pytest.mark.parametrize("plugin", ["MCAP", "SQLITE3"])
@pytest.mark.parametrize("kind", ["mono8", "16UC1", "png"])
def test_a_model_against_ground_truth(parser, frames, tmp_path, kind, plugin):
    def truth_message(k, truth):
        if kind == "png":
            return png(k, truth)
        return image(k, truth.astype(np.uint16) if kind == "16UC1" else truth, kind)

    def camera_message(k, pixels):
        return png(k, pixels[..., ::-1]) if kind == "png" else image(k, pixels, "rgb8")

    cameras = [("/cam/image", camera_message(k, pixels)) for k, (pixels, _) in enumerate(frames)]
    truths = [("/truth", truth_message(k, truth)) for k, (_, truth) in enumerate(frames)]
    # ground truth comes before its image, after it, and after the next one
    order = [truths[0], cameras[0], cameras[1], truths[1], cameras[2], cameras[3], *truths[3:1:-1]]
    bag = write(tmp_path / "bag", order, plugin)
    found = evaluate_bag(
        RosbagSource(bag, "/cam/image"), "/truth", parser.bundle.label_space, parser=parser
    )
    assert (found.pairs, found.faults) == (4, [])
    assert (found.confusion.counts == by_hand(frames)).all()
    assert len(found.frames.worst) == 4


def test_recorded_labels_and_ids_of_another_space(parser, frames, tmp_path):
    table = np.full(65536, 255, np.uint8)
    table[[40, 50, 60]] = (0, 1, 2)
    other = np.array([40, 50, 60, *[0] * 253], np.uint8)
    messages = []
    for k, (pixels, truth) in enumerate(frames):
        messages.append(("/cam/image", image(k, pixels, "rgb8")))
        messages.append(("/truth", image(k, other[truth], "mono8")))
    bag = write(tmp_path / "bag", messages)
    label_bag(RosbagSource(bag, "/cam/image"), tmp_path / "labelled", parser)
    source = RosbagSource(tmp_path / "labelled", "/cam/image")
    space = parser.bundle.label_space
    found = evaluate_bag(source, "/truth", space, label_topic="/parse/label", truth_ids=table)
    assert (found.confusion.counts == by_hand(frames)).all()


def test_what_cannot_be_compared_is_counted_with_its_reason(parser, frames, tmp_path):
    (pixels, truth), small = frames[0], np.zeros((24, 64), np.uint8)
    messages = [("/cam/image", image(k, pixels, "rgb8")) for k in range(4)]
    messages += [("/truth", image(0, truth, "mono8")), ("/truth", image(1, small, "mono8"))]
    messages += [("/truth", image(2, pixels, "rgb8")), ("/truth", image(9, truth, "mono8"))]
    bag = write(tmp_path / "bag", messages)
    found = evaluate_bag(
        RosbagSource(bag, "/cam/image"), "/truth", parser.bundle.label_space, parser=parser
    )
    assert found.pairs == 1
    reasons = {fault.name: fault.reason for fault in found.faults}
    assert set(reasons) == {"000001", "000002", "000003"}
    assert "ground truth are 64x24 pixels, the image is 64x48" in reasons["000001"]
    assert "'rgb8' is none of label images" in reasons["000002"]
    assert "no message of its stamp on /truth" in reasons["000003"]


def test_damaged_messages_and_images_without_ground_truth_keep_nobody_waiting(
    parser, frames, tmp_path
):
    messages = [("/truth_info_yaml", TYPES["std_msgs/msg/String"]("name: other"), 6)]
    for k, (pixels, truth) in enumerate(frames):
        messages.append(("/cam/image", image(k, pixels, "rgb8")))
        if k != 1:
            messages.append(("/truth", image(k, truth, "mono8"), *{0: [0], 2: [99]}.get(k, [])))
    messages.append(("/cam/image", image(9, pixels, "rgb8"), 11))
    messages.append(("/cam/image", image(10, frames[0][0], "rgb8")))
    messages.append(("/truth", image(10, frames[0][1], "mono8")))
    found = evaluate_bag(
        RosbagSource(write(tmp_path / "bag", messages), "/cam/image"),
        "/truth",
        parser.bundle.label_space,
        parser=parser,
    )
    assert (found.confusion.counts == by_hand([frames[3], frames[0]])).all()
    said = {fault.name: fault.reason for fault in found.faults}
    assert list(said) == ["000000", "000001", "000002", "000004"]
    assert said["000000"] == said["000001"] == "there is no message of its stamp on /truth"
    assert said["000002"].startswith("the message is damaged (")
    assert said["000004"].startswith("the message is damaged (")


@pytest.mark.parametrize("truths", [4, 2])
def test_images_of_one_stamp_are_compared_in_their_order(parser, frames, tmp_path, truths):
    """As of a driver that does not fill in the stamp: no image waits for ever, none is lost."""
    messages = [("/cam/image", image(0, pixels, "rgb8")) for pixels, _ in frames]
    messages += [("/truth", image(0, truth, "mono8")) for _, truth in frames[:truths]]
    pixels, truth = frames[0]
    messages += [("/cam/image", image(5, pixels, "rgb8")), ("/truth", image(5, truth, "mono8"))]
    found = evaluate_bag(
        RosbagSource(write(tmp_path / "bag", messages), "/cam/image"),
        "/truth",
        parser.bundle.label_space,
        parser=parser,
    )
    assert found.pairs == truths + 1
    assert (found.confusion.counts == by_hand([*frames[:truths], frames[0]])).all()
    assert [fault.name for fault in found.faults] == ["000002", "000003"][: 4 - truths]


def test_labels_of_other_classes_are_not_compared(parser, frames, tmp_path):
    pixels, truth = frames[0]
    names = "name: other\nclasses: [{id: 0, name: cat, color: [0, 0, 0]}]\n"
    messages = [("/cam/image", image(0, pixels, "rgb8")), ("/truth", image(0, truth, "mono8"))]
    messages.append(("/truth_info_yaml", TYPES["std_msgs/msg/String"](names)))
    source = RosbagSource(write(tmp_path / "bag", messages), "/cam/image")
    space = parser.bundle.label_space
    with pytest.raises(BagEvaluationError, match="of the label space 'other', as the bag says"):
        evaluate_bag(source, "/truth", space, parser=parser)
    label_bag(source, tmp_path / "labelled", parser)
    labelled = RosbagSource(tmp_path / "labelled", "/cam/image")
    with pytest.raises(BagEvaluationError, match="those of 'channels' already"):
        evaluate_bag(
            labelled, "/parse/label", space, parser=parser, truth_ids=np.zeros(65536, np.uint8)
        )


def test_nothing_to_compare_is_one_sentence(parser, frames, tmp_path):
    pixels, truth = frames[0]
    messages = [("/cam/image", image(0, pixels, "rgb8")), ("/late", image(5, truth, "mono8"))]
    messages.append(("/odd", image(0, truth * 0 + 77, "mono8")))
    source = RosbagSource(write(tmp_path / "bag", messages), "/cam/image")
    space = parser.bundle.label_space
    for topic, said in (
        ("/none", "has no topic /none, only /cam/image, /late, /odd"),
        ("/late", "no image .* could be compared with /late; the first: there is no message"),
        ("/odd", "its ground truth holds the ids 77, which the label space 'channels' does not"),
    ):
        with pytest.raises(BagEvaluationError, match=said):
            evaluate_bag(source, topic, space, parser=parser)


def test_the_command_writes_a_report(channel_bundle, frames, tmp_path, capsys):
    messages = []
    for k, (pixels, truth) in enumerate(frames):
        messages.append(("/cam/image", image(k, pixels, "rgb8")))
        messages.append(("/truth", image(k, truth, "mono8")))
    bag = write(tmp_path / "bag", messages)
    out = tmp_path / "report"
    words = ["--bundle", str(channel_bundle.path), "--backend", "onnxruntime", "--json"]
    assert main(["bag", "evaluate", str(bag), "--truth", "/truth", "--out", str(out), *words]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics == json.loads((out / "metrics.json").read_text())
    counts = by_hand(frames)
    hits = np.diag(counts)
    iou = 100 * hits / (counts.sum(1) + counts[:, :3].sum(0) - hits)
    assert metrics["miou"] == pytest.approx(iou.mean(), abs=0.06)
    rows = [line.split(",")[1:] for line in (out / "confusion.csv").read_text().splitlines()[1:]]
    assert (np.array(rows, int) == counts).all()
    assert (out / "report.html").read_text().count("<figure>") == 4


def test_a_report_that_cannot_be_written_is_one_sentence(
    channel_bundle, frames, tmp_path, capsys, monkeypatch
):
    messages = []
    for k, (pixels, truth) in enumerate(frames):
        messages.append(("/cam/image", image(k, pixels, "rgb8")))
        messages.append(("/truth", image(k, truth, "mono8")))
    bag = write(tmp_path / "bag", messages)
    file = tmp_path / "file"
    file.write_text("mine")
    words = ["--bundle", str(channel_bundle.path), "--backend", "onnxruntime"]

    def evaluate(out):
        words_of_call = ["bag", "evaluate", str(bag), "--truth", "/truth", "--out", str(out)]
        return main([*words_of_call, *words]), capsys.readouterr().err

    def said(out):
        status, text = evaluate(out)
        assert status == 2
        return text

    with monkeypatch.context() as patch:  # it is found out before the work
        patch.setattr("seg3d2d_ros.cli.bag_evaluate.evaluate_bag", None)
        for out in (file, file / "report"):
            expected = f"the report can't be written to {out} (Not a directory)"
            assert said(out) == f"seg3d2d: {expected}; make room or choose another folder\n"
    assert file.read_text() == "mine"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        text = said(tmp_path / "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "full (File too large); make room or choose another folder" in text
    assert not list((tmp_path / "full").iterdir())
    # a report that is there is replaced, what lies beside it is not
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "full" / "report.html").write_text("old")
    assert evaluate(tmp_path / "full") == (0, "")
    names = ["confusion.csv", "metrics.json", "notes.txt", "report.html"]
    assert sorted(path.name for path in (tmp_path / "full").iterdir()) == names
    assert "<figure>" in (tmp_path / "full" / "report.html").read_text()
