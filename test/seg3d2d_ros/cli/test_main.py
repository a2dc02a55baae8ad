# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The command line as a whole: what it takes, and how it ends."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from seg3d2d_ros.cli import main
from seg3d2d_ros.cli.arguments import parse_arguments
from seg3d2d_ros.cli.progress import Progress


@pytest.mark.parametrize(
    "verb",
    ["", "demo", "parse", "model", "model info", "model benchmark", "bag", "bag play"],
)
def test_every_verb_has_help(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*verb.split(), "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: seg3d2d {verb}".rstrip())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("bag play x --size 640", "'640' is no size; write it as 1920x1080"),
        ("bag play x --size 8x640", "sides must be from 16 to 16384 pixels"),
        ("bag play x --rate nan", "'nan' is no rate from 0.01 to 1000 Hz"),
        ("bag play x --rate fast", "'fast' is no rate"),
        ("bag play x --frames 0", "'0' is no number from 1 up"),
        ("bag from-images x y --quality 101", "'101' is no quality from 1 to 100"),
        ("model info --ros-args -r a:=b", "--ros-args is for bag play only"),
        ("", "required"),
    ],
)
def test_wrong_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_ros_arguments_are_handed_on():
    parsed = parse_arguments(["bag", "play", "x", "--loop", "--ros-args", "-r", "__ns:=/front"])
    assert parsed.ros_args == ["--ros-args", "-r", "__ns:=/front"]
    assert parsed.loop


@pytest.mark.parametrize(
    ("package", "verb", "modules", "remedy"),
    [
        ("yaml", "model info", ["cli.model_info"], "PyYAML"),
        (
            "lz4",
            "bag label a b",
            ["cli.bag_label", "bag.labelling", "bag.label_store"],
            "rosbags lz4",
        ),
    ],
)
def test_missing_package_is_named_with_its_remedy(
    package, verb, modules, remedy, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"{package}.frame", raising=False)
    for module in modules:
        monkeypatch.delitem(sys.modules, f"seg3d2d_ros.{module}", raising=False)
    assert main(verb.split()) == 2
    assert capsys.readouterr().err == (
        f"seg3d2d: this needs the Python package {package}: pip install {remedy}\n"
    )


def test_interrupt(monkeypatch, capsys, channel_bundle):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("seg3d2d_ros.cli.model_info.run", interrupted)
    assert main(["model", "info", str(channel_bundle.path)]) == 130
    assert capsys.readouterr().err == "seg3d2d: interrupted\n"


def test_as_a_module(repository, channel_bundle):
    done = subprocess.run(
        [sys.executable, "-m", "seg3d2d_ros.cli", "model", "info", channel_bundle.path, "--json"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["name"] == "brightest-channel"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock to set by hand."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_progress_on_a_terminal(clock):
    stream = Terminal()
    progress = Progress("parsing", 400, stream)
    clock[0] += 60  # loading
    progress.update(1)
    clock[0] += 2
    progress.update(101, "2 failed")
    clock[0] += 2
    progress.finish(400)
    _, first, last = stream.getvalue().split("\r")[1:]
    bar = "#" * 7 + "." * 23
    assert first == f"[{bar}] parsing: 101/400, 50.0/s, 0:06 left, 2 failed"
    assert last.rstrip() == f"[{'#' * 30}] parsing: 400/400, 99.8/s"
    assert len(last.rstrip("\n")) == len(first)  # covers what was there


def test_progress_in_a_log_is_quiet_for_short_work():
    stream = io.StringIO()
    progress = Progress("parsing", 4, stream)
    progress.update(1)
    progress.finish(4)
    assert stream.getvalue() == ""


def test_progress_in_a_log_speaks_up_in_long_work(clock):
    stream = io.StringIO()
    progress = Progress("labels", 0, stream)
    for step in range(14):
        clock[0] = 100.0 + step
        progress.update(step)
    assert stream.getvalue() == "labels: 5\nlabels: 10\n"
