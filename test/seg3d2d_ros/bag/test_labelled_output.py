# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Where a labelled bag can't be finished: full disks, signals; afterwards the same bytes."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("onnxruntime")

from seg3d2d_ros.cli import main
from seg3d2d_ros.parser import SceneParser

pytestmark = pytest.mark.parametrize("plugin", ["MCAP", "SQLITE3"])


@pytest.fixture
def model(channel_bundle):
    return ["--bundle", str(channel_bundle.path), "--backend", "onnxruntime", "--threads", "1"]


@pytest.fixture
def label(make_bag, model, plugin, tmp_path, capsys):
    """Function that labels a bag into ``<folder>/out``; returns the status and what was said."""
    topics = {"/cam/image": "rgb8", "/cam/image/compressed": "png", "/odd": "odd"}
    bag = make_bag(topics, plugin=plugin, frames=12, size=(48, 64))

    def run(folder="parts"):
        status = main(["bag", "label", str(bag), str(tmp_path / folder / "out"), *model])
        said = capsys.readouterr()
        return status, said.err or said.out

    run.words = ["bag", "label", str(bag), str(tmp_path / "parts" / "out"), *model]
    return run


def content(folder):
    """Every byte of what is in a folder."""
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def same_as_whole(label, tmp_path):
    """An uninterrupted call gives what lies in ``parts``."""
    assert label("whole")[0] == 0
    names = sorted(content(tmp_path / "whole"))
    assert len(names) == 2 and names[0] == "out/metadata.yaml"
    assert content(tmp_path / "parts") == content(tmp_path / "whole")
    return True


@contextlib.contextmanager
def largest_file(size):
    """Writing more into a file fails, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


# nothing fits; the labels fit but no bag; some of the bag fits
@pytest.mark.parametrize("size", [10, 5_000, 60_000])
def test_full_disk(label, tmp_path, plugin, size):
    with largest_file(size):
        status, said = label()
    assert status == 2 and len(said.splitlines()) == 1
    first = f"seg3d2d: the labelled bag {tmp_path / 'parts' / 'out'} can't be written ("
    assert said.startswith(first) and "; make room or choose another place" in said
    assert ("and the same command goes on" in said) == (size > 10)
    left = content(tmp_path / "parts")
    assert not [name for name in left if not name.startswith(".out.labels/")]
    assert bool(left.get(".out.labels/labels")) == (size > 10)
    status, said = label()
    assert status == 0 and ("12 of them before" in said) == (size > 10)
    assert same_as_whole(label, tmp_path)


def test_no_space_left(label, tmp_path, plugin, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.rename", full)  # the last step
        status, said = label()
    assert status == 2 and "can't be written (No space left on device); make room" in said
    assert not (tmp_path / "parts" / "out").exists()
    assert label()[0] == 0 and same_as_whole(label, tmp_path)


def test_interrupted(label, tmp_path, plugin, monkeypatch):
    parse, calls = SceneParser.parse, []

    def stops(self, image, **options):
        calls.append(image)
        if len(calls) == 6:  # the first is the warm-up
            raise KeyboardInterrupt
        return parse(self, image, **options)

    with monkeypatch.context() as patch:
        patch.setattr(SceneParser, "parse", stops)
        assert label() == (130, "seg3d2d: interrupted\n")
    assert not (tmp_path / "parts" / "out").exists()
    status, said = label()
    assert status == 0 and "12 of 12 images" in said and "4 of them before" in said
    assert same_as_whole(label, tmp_path)


INTERRUPTED_WHILE_WAITING = """
import os, signal, sys, threading, time
from seg3d2d_ros.bag.rosbag_source import RosbagSource
from seg3d2d_ros.cli import main

# What starts a suite in the background has interrupts ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
decode, threads = RosbagSource.decode, threading.active_count()

def interrupts(self, raw):
    if raw.index == 5:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
    return decode(self, raw)

RosbagSource.decode = interrupts
status = main(sys.argv[1:])
assert threading.active_count() == threads
sys.exit(status)
"""


def test_interrupted_while_an_image_is_waited_for(label, tmp_path, plugin):
    words = [sys.executable, "-c", INTERRUPTED_WHILE_WAITING, *label.words]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "seg3d2d: interrupted"
    status, said = label()
    assert status == 0 and "12 of 12 images" in said and "of them before" in said
    assert same_as_whole(label, tmp_path)


KILLED_LABELLING = """
import os, signal, sys
from seg3d2d_ros.cli import main

write = os.write
left = int(sys.argv[1])

def killed(file, data):
    global left
    left -= 1
    if not left:
        write(file, data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    return write(file, data)

os.write = killed
main(sys.argv[2:])
"""


@pytest.mark.parametrize("record", [1, 2, 7, 12])
def test_killed_while_labels_are_kept(label, tmp_path, plugin, record):
    words = [sys.executable, "-c", KILLED_LABELLING, str(record), *label.words]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "parts" / "out").exists()
    status, said = label()
    assert status == 0 and "12 of 12 images" in said
    assert (f"{record - 1} of them before" in said) == (record > 1)
    assert same_as_whole(label, tmp_path)


KILLED = """
import os, signal, sys
from rosbags.rosbag2 import Writer
from seg3d2d_ros.cli import main

write = Writer.write
left = 20

def killed(*arguments):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    write(*arguments)

Writer.write = killed
main(sys.argv[1:])
"""


def test_killed_while_the_bag_is_written(label, tmp_path, plugin):
    done = subprocess.run([sys.executable, "-c", KILLED, *label.words], check=False)
    assert done.returncode == -signal.SIGKILL
    left = content(tmp_path / "parts")
    assert [name for name in left if name.startswith(".out.labels/bag/out/")]
    assert not (tmp_path / "parts" / "out").exists()
    status, said = label()
    assert status == 0 and "12 of them before" in said
    assert same_as_whole(label, tmp_path)


def test_what_is_there_is_left_alone(label, tmp_path, plugin):
    out = tmp_path / "parts" / "out"
    out.mkdir(parents=True)
    (out / "notes.txt").write_text("mine")
    status, said = label()
    assert status == 2
    assert said == f"seg3d2d: {out} exists already; choose another name or remove it\n"
    assert content(tmp_path / "parts") == {"out/notes.txt": b"mine"}


def test_no_folder_can_be_made(label, tmp_path, plugin):
    (tmp_path / "parts").write_text("a file")
    status, said = label()
    assert status == 2 and len(said.splitlines()) == 1
    assert "out can't be written (Not a directory); make room or choose another place" in said
    assert "labels so far" not in said
