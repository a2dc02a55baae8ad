# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What recorders leave that were killed: made here as they make it, not by hand."""

from __future__ import annotations

import shutil
import sqlite3
import struct

import pytest

rosbags = pytest.importorskip("rosbags.rosbag2")

from seg3d2d_ros.bag.bag_faults import damage  # noqa: E402
from seg3d2d_ros.bag.frame_source import FrameSourceError, open_frame_source  # noqa: E402

CAMERA = {"/cam/image": "rgb8"}


def storage(bag):
    (file,) = (f for f in bag.iterdir() if f.suffix in (".mcap", ".db3"))
    return file


def messages(bag):
    with rosbags.Reader(bag) as reader:
        return [(c.topic, t, bytes(data)) for c, t, data in reader.messages()]


def open_and_close(file):
    """What ``sqlite3 FILE .tables`` does."""
    connection = sqlite3.connect(file)
    connection.execute("SELECT name FROM sqlite_master").fetchall()
    connection.close()


def test_mcap_without_index_and_footer(make_bag):
    bag = make_bag(CAMERA, frames=4)
    file = storage(bag)
    content = file.read_bytes()
    # at the end: footer (opcode, length, summary start, summary offset start, CRC), magic
    (summary,) = struct.unpack("<Q", content[-28:-20])
    data_end_bytes = 1 + 8 + 4
    assert content[summary - data_end_bytes] == 0x0F
    file.write_bytes(content[: summary - data_end_bytes])
    repair = rf"run mcap recover {file} -o {bag / 'repaired.mcap'}"
    with pytest.raises(
        FrameSourceError, match=rf"bag\.mcap has no end, as when .* killed .*{repair}"
    ):
        open_frame_source(bag)
    (bag / "metadata.yaml").unlink()
    with pytest.raises(FrameSourceError, match=rf"no metadata\.yaml, .*interrupted; {repair}"):
        open_frame_source(bag)
    with pytest.raises(FrameSourceError, match=rf"has no end, as when .*{repair}"):
        open_frame_source(file)


def test_sqlite_with_a_write_ahead_log(make_bag, tmp_path):
    bag = make_bag(CAMERA, frames=4, plugin="SQLITE3")
    (bag / "metadata.yaml").unlink()
    recorder = sqlite3.connect(storage(bag))
    recorder.execute("PRAGMA journal_mode=WAL")  # as rosbag2's preset "resilient"
    recorder.execute("INSERT INTO messages SELECT id + 1000, 1, 9, data FROM messages")
    recorder.commit()
    left = shutil.copytree(bag, tmp_path / "left")
    recorder.close()
    file = storage(left)
    said = (
        rf"bag {file} was not closed, .* bag\.db3-wal holds a part .* run sqlite3 {file} \.tables"
    )
    with pytest.raises(FrameSourceError, match=said):
        open_frame_source(file)
    assert len(messages(file)) == 4  # what a reader takes for all
    open_and_close(file)
    assert len(list(open_frame_source(file))) == 8


def test_sqlite_with_a_journal_to_roll_back(make_bag, tmp_path):
    bag = make_bag(CAMERA, frames=4, plugin="SQLITE3")
    before = messages(bag)
    recorder = sqlite3.connect(storage(bag))
    recorder.execute("PRAGMA cache_size=1")  # spills into the file before the commit
    recorder.execute("UPDATE messages SET data = zeroblob(9000)")
    left = shutil.copytree(bag, tmp_path / "left")
    recorder.rollback()
    recorder.close()
    with pytest.raises(FrameSourceError, match=r"was not closed, .* bag\.db3-journal holds a part"):
        open_frame_source(left)
    open_and_close(storage(left))
    assert len(list(open_frame_source(left))) == 4
    assert messages(left) == before


def test_files_that_are_not_to_be_read(make_bag, monkeypatch):
    bag = make_bag(CAMERA)

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.read_text", denied)
        with pytest.raises(
            FrameSourceError, match=rf"^bag {bag} can't be read \(Permission denied\)$"
        ):
            open_frame_source(bag)
    with monkeypatch.context() as patch:
        patch.setattr("rosbags.rosbag2.Reader.open", denied)
        with pytest.raises(
            FrameSourceError, match=rf"^bag {bag} can't be read \(Permission denied\)$"
        ):
            open_frame_source(bag)


def test_text_of_an_error_is_one_line(tmp_path):
    (tmp_path / "a.db3").write_bytes(b"")
    text = str(damage(tmp_path, ValueError("two\n  lines")))
    assert "(ValueError: two lines)" in text and "\n" not in text
    assert text.endswith(f"sqlite3 {tmp_path / 'a.db3'} .recover | sqlite3 {tmp_path}/repaired.db3")
