# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Bad bags, from the command line: one sentence or a counted result, and nothing half-written."""

from __future__ import annotations

import re
import shutil

import pytest
import yaml

rosbags = pytest.importorskip("rosbags.rosbag2")
pytest.importorskip("onnxruntime")

from seg3d2d_ros.cli import main  # noqa: E402

pytestmark = pytest.mark.parametrize("plugin", ["MCAP", "SQLITE3"])
SUFFIXES = {"MCAP": ".mcap", "SQLITE3": ".db3"}
CAMERA = {"/cam/image": "rgb8", "/chatter": "string"}


@pytest.fixture
def model(channel_bundle):
    return ["--bundle", str(channel_bundle.path), "--backend", "onnxruntime", "--threads", "1"]


@pytest.fixture
def refused(tmp_path, model, capsys):
    """Function that gives a bag to every verb and returns the one sentence that all say."""

    def run(bag) -> str:
        before = set(tmp_path.rglob("*"))
        out = tmp_path / "out"
        said = set()
        for words in (
            ["label", str(bag), str(out), *model],
            ["evaluate", str(bag), "--truth", "/truth", "--out", str(out), *model],
            ["from-images", str(bag), str(out)],
        ):
            assert main(["bag", *words]) == 2
            said.update(capsys.readouterr().err.splitlines())
        assert set(tmp_path.rglob("*")) == before
        (sentence,) = said
        assert sentence.startswith("seg3d2d: ") and "Error:" not in sentence.partition("(")[0]
        return sentence

    return run


def storage(bag, plugin):
    (file,) = bag.glob(f"*{SUFFIXES[plugin]}")
    return file


def assert_matches(sentence, pattern):
    assert re.search(pattern, sentence), sentence


def messages(bag):
    with rosbags.Reader(bag) as reader:
        return [(c.topic, c.msgtype, t, bytes(data)) for c, t, data in reader.messages()]


@pytest.mark.parametrize("part", [0.03, 0.5, 0.97])
def test_cut_in_the_middle(make_bag, refused, plugin, part):
    file = storage(make_bag(CAMERA, plugin=plugin, frames=60), plugin)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * part)])
    tool = "mcap recover" if plugin == "MCAP" else r"sqlite3 .*\.recover"
    assert_matches(
        refused(file.parent), rf"bag .*bag can't be read, .*copy it again, or run {tool}"
    )


@pytest.mark.parametrize("topics", [{}, {"/cam/image": []}, {"/chatter": "string"}])
def test_no_images(make_bag, refused, plugin, topics):
    bag = make_bag(topics, plugin=plugin)
    said = {
        "": "has no image topic; it holds no topics at all",
        "/cam/image": "holds no message on /cam/image",
        "/chatter": r"has no image topic; it holds /chatter \(std_msgs/msg/String\)",
    }["".join(topics)]
    assert_matches(refused(bag), rf"bag {bag} {said}")


def test_empty_file(make_bag, refused, plugin):
    file = storage(make_bag(CAMERA, plugin=plugin), plugin)
    file.write_bytes(b"")
    assert_matches(refused(file.parent), "can't be read, .* again")
    assert_matches(refused(file), f"{file} is empty; copy the bag again")


@pytest.mark.parametrize("content", [b"\xff\x00\xfe", b"a: [", b"a: 1", b"[]", b""])
def test_damaged_metadata(make_bag, refused, plugin, content):
    bag = make_bag(CAMERA, plugin=plugin)
    file = bag / "metadata.yaml"
    whole = yaml.safe_load(file.read_text())
    del whole["rosbag2_bagfile_information"]["relative_file_paths"]
    for text in (content, yaml.safe_dump(whole).encode()):
        file.write_bytes(text)
        said = r"metadata\.yaml of bag .* can't be read \(.*\); .* remove the file and run ros2 bag"
        assert_matches(refused(bag), said)


def test_missing_metadata(make_bag, refused, plugin):
    bag = make_bag(CAMERA, plugin=plugin)
    (bag / "metadata.yaml").unlink()
    said = rf"no metadata\.yaml, .* give {storage(bag, plugin)} itself, or run ros2 bag reindex"
    assert_matches(refused(bag), said)


def test_missing_file(make_bag, refused, plugin):
    bag = make_bag(CAMERA, plugin=plugin)
    storage(bag, plugin).unlink()
    said = rf"lacks bag\{SUFFIXES[plugin]}, which its metadata\.yaml names; copy the bag again"
    assert_matches(refused(bag), said)


def test_newer_format(make_bag, refused, plugin):
    bag = make_bag(CAMERA, plugin=plugin)
    file = bag / "metadata.yaml"
    file.write_text(file.read_text().replace("version: 8", "version: 80"))
    assert_matches(refused(bag), "of a newer format .* run pip install --upgrade rosbags")


def test_two_cameras(make_bag, refused, model, plugin, tmp_path, capsys):
    bag = make_bag({"/left/image": "rgb8", "/right/image": "rgb8"}, plugin=plugin)
    said = r"holds 2 cameras \(/left/image, /right/image\); choose one with --topic"
    assert_matches(refused(bag), said)
    words = ["bag", "label", str(bag), str(tmp_path / "out"), "--topic", "/right/image", *model]
    assert main(words) == 0
    assert "3 of 3 images of /right/image labelled" in capsys.readouterr().out


def test_what_is_no_bag(tmp_path, refused, model, plugin, capsys):
    file = tmp_path / f"notes{SUFFIXES[plugin]}"
    file.write_text("no bag")
    assert_matches(refused(file), "can't be read")
    (tmp_path / "notes.txt").write_text("no bag")
    (tmp_path / "old.bag").write_text("#ROSBAG V2.0")
    for name, said in (
        ("notes.txt", r"notes\.txt is no rosbag2 recording; give its folder"),
        ("old.bag", "is a bag of ROS 1; convert it with rosbags-convert"),
        ("", "is no bag: it has no metadata.yaml and no storage file"),
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        source = tmp_path / (name or "empty")
        assert main(["bag", "label", str(source), str(tmp_path / "out"), *model]) == 2
        assert_matches(capsys.readouterr().err, said)


def test_messages_damaged_in_the_middle(make_bag, model, plugin, tmp_path, capsys):
    topics = {**CAMERA, "/cam/camera_info": "odd"}
    # nothing left, no stamp, no frame id, not all pixels
    bag = make_bag(topics, plugin=plugin, frames=9, cut={1: 0, 3: 9, 4: 18, 6: 500})
    out = tmp_path / "out"
    assert main(["bag", "label", str(bag), str(out), "--topic", "/cam/image", *model]) == 1
    said = capsys.readouterr()
    assert "5 of 9 images of /cam/image labelled" in said.out
    lines = said.err.splitlines()
    names = ("000001", "000003", "000004", "000006")
    assert len(lines) == 4
    for line, name in zip(lines, names, strict=True):
        assert line.startswith(f"seg3d2d: image {name} has no labels: the message is damaged (")
    ours = {"/parse/label", "/parse/label_info_yaml"}
    assert [m for m in messages(out) if m[0] not in ours] == messages(bag)
    assert [t - 10**9 for topic, _, t, _ in messages(out) if topic == "/parse/label"] == [
        0, 2, 5, 7, 8,
    ]  # fmt: skip
    words = ["evaluate", str(out), "--topic", "/cam/image", "--out", str(tmp_path / "report")]
    assert main(["bag", *words, "--truth", "/parse/label", *model]) == 1
    said = capsys.readouterr()
    assert "mIoU 100.0 %" in said.out and "5 images, report in" in said.out
    assert [line.split()[2] for line in said.err.splitlines()] == list(names)


def test_fewer_messages_than_the_metadata_count(make_bag, model, plugin, tmp_path, capsys):
    bag = make_bag({**CAMERA, "/odd": "odd"}, plugin=plugin)
    file = bag / "metadata.yaml"
    content = yaml.safe_load(file.read_text())
    for topic in content["rosbag2_bagfile_information"]["topics_with_message_count"]:
        topic["message_count"] += {"/cam/image": 2, "/chatter": 0, "/odd": 7}[
            topic["topic_metadata"]["name"]
        ]
    file.write_text(yaml.safe_dump(content))
    out = tmp_path / "out"
    assert main(["bag", "label", str(bag), str(out), *model]) == 1
    said = capsys.readouterr()
    assert "3 of 3 images of /cam/image labelled" in said.out
    assert [line.partition(" were not copied")[0] for line in said.err.splitlines()] == [
        "seg3d2d: 2 messages on /cam/image",
        "seg3d2d: 7 messages on /odd",
    ]
    words = ["--truth", "/parse/label", "--topic", "/cam/image", "--out", str(tmp_path / "report")]
    shutil.copytree(out, tmp_path / "short")
    file = tmp_path / "short" / "metadata.yaml"
    file.write_text(file.read_text().replace("message_count: 3", "message_count: 4"))
    assert main(["bag", "evaluate", str(tmp_path / "short"), *words, *model]) == 1
    said = capsys.readouterr()
    assert "3 images, report in" in said.out
    assert_matches(
        said.err, r"image 000003 and following was not compared: metadata\.yaml counts 4"
    )
