# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The demo, as ``make demo`` runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import cv2
import pytest

pytest.importorskip("rclpy")

pytestmark = pytest.mark.ros


@pytest.fixture
def start_demo(repository):
    """Function that starts a demo; whatever it leaves running is ended."""
    demos: list[subprocess.Popen] = []

    def start(*arguments):
        demos.append(
            subprocess.Popen(
                [sys.executable, "-m", "seg3d2d_ros.cli", "demo", *map(str, arguments)],
                cwd=repository,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return demos[-1]

    yield start
    for demo in demos:
        if demo.poll() is None:
            demo.terminate()
        demo.communicate()


def test_shipped_recording(start_demo, bundle_path, tmp_path):
    demo = start_demo("--bundle", bundle_path, "--out", tmp_path / "out")
    output, errors = demo.communicate(timeout=120)
    assert demo.returncode == 0, errors
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert figures["sent"] == 75
    assert figures["received"] == figures["parsed"] + sum(figures["drops"].values())
    # a busy machine may not keep up, but most images come through
    assert figures["parsed"] > 35
    assert figures["labels"] > 35
    assert 0 < figures["latency_p50_ms"] <= figures["latency_p95_ms"]
    assert figures["model"] == bundle_path.name
    for name in ("contact_sheet.jpg", "overlay.webm", "index.html"):
        assert str(tmp_path / "out" / name) in output
    video = cv2.VideoCapture(str(tmp_path / "out" / "overlay.webm"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == pytest.approx(figures["labels"], abs=4)
    assert cv2.imread(str(tmp_path / "out" / "contact_sheet.jpg")).std() > 30
    files = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert not [name for name in files if name.startswith(".")]


def test_interrupt_shows_what_was_seen_until_then(start_demo, bundle_path, tmp_path):
    out = tmp_path / "out"
    demo = start_demo("--bundle", bundle_path, "--out", out, "--rate", 5)
    deadline = time.monotonic() + 60
    while not (out / "camera.json").exists():
        assert time.monotonic() < deadline
        assert demo.poll() is None
        time.sleep(0.1)
    time.sleep(8)  # the camera starts, and sends for some seconds
    demo.send_signal(signal.SIGINT)
    _, errors = demo.communicate(timeout=60)
    assert demo.returncode == 0, errors
    figures = json.loads((out / "figures.json").read_text())
    assert 0 < figures["sent"] < 75
    assert (out / "index.html").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bag", "/no/such/recording"], "/no/such/recording"),
        (["--bundle", "no-such-model"], "no-such-model"),
    ],
)
def test_faults_end_it_before_anything_starts(start_demo, tmp_path, arguments, message):
    demo = start_demo(*arguments, "--out", tmp_path / "out")
    _, errors = demo.communicate(timeout=30)
    assert demo.returncode == 2
    assert errors.count("\n") == 1
    assert message in errors
    assert not (tmp_path / "out").exists()
