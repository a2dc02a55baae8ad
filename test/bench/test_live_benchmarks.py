# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmarks that start nodes and a camera, with a model that costs nothing."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros

RATE, SECONDS = 20, 0.5


def check_frames(frames):
    """Each frame sent was delivered or is in one of the counts."""
    assert frames["uncounted"] == 0
    assert frames["sent"] == frames["lost_before_node"] + frames["received"]
    assert frames["received"] == sum(frames["dropped"].values()) + frames["parsed"]
    assert frames["parsed"] == frames["lost_after_node"] + frames["labelled"]


def test_live_nodes(run_benchmark, channel_bundle, holding):
    result = run_benchmark(
        "live_nodes",
        *("--bundle", channel_bundle.path, "--sizes", "320x240", "--rounds", 1),
        *("--rate", RATE, "--seconds", SECONDS, "--warm-up", 1),
    )
    rows = {row["node"]: row for row in result["rows"]}
    assert list(rows) == [
        "parse node",
        "plain node, our transports",
        "plain node, default transports",
    ]
    for row in rows.values():
        check_frames(row["frames"])
        assert row["sent"] == RATE * SECONDS and row["frames"]["sent"] == row["sent"] + 1
        assert row["delivered_fraction"] == pytest.approx(row["delivered"] / row["sent"])
        assert row["size"] == "320x240" and row["ran"] in ("openvino fp32", "openvino bf16")
        if row["delivered"]:
            assert 0 < row["latency_p50_ms"] <= row["latency_p95_ms"] <= row["latency_p99_ms"]
    assert rows["parse node"]["delivered"] > 0 and rows["parse node"]["ratio_p50"] == 1
    assert rows["plain node, our transports"]["delivered"] > 0
    assert holding(result, "frames uncounted") == [True] * 3


def test_node_overhead(run_benchmark, channel_bundle, holding):
    result = run_benchmark(
        "node_overhead",
        *("--bundle", channel_bundle.path, "--sizes", "640x480", "--rounds", 1),
        *("--rate", RATE, "--seconds", SECONDS, "--warm-up", 1),
    )
    (row,) = result["rows"]
    (frames,) = row["frames"]
    check_frames(frames)
    assert 0 < row["frames_timed"] <= RATE * SECONDS
    parts = sum(row[f"{part}_p50_ms"] for part in ("take_over", "preprocess", "postprocess"))
    assert row["overhead_p50_ms"] > 0 and parts > 0
    assert row["transport_in_p50_ms"] > 0 and row["transport_out_p50_ms"] > 0
    assert holding(result, "frames uncounted") == [True]
    assert holding(result, "labelled frames not timed") == [True]
    assert holding(result, "overhead p50 ms, 640x480") == [row["overhead_p50_ms"] <= 3]


def test_soak(run_benchmark, write_channel_bundle, tmp_path, holding):
    images = np.random.default_rng(3).integers(0, 256, (2, 48, 64, 3), np.uint8)
    references = [(image, image.argmax(2).astype(np.uint8)) for image in images]
    bundle = write_channel_bundle(tmp_path / "model", reference=references)
    result = run_benchmark(
        "soak",
        *("--bundle", bundle.path, "--size", "320x240"),
        *("--rate", RATE, "--seconds", 3, "--reload-every", 0.6),
    )
    (row,) = result["rows"]
    check_frames(row["frames"])
    reloads = row["reload_details"]
    assert len(reloads) == row["reloads"] > 1
    for number, reload in enumerate(reloads):
        assert reload["taken"] == (number % 2 == 0), reload["message"]
    said = [reload["message"] for reload in reloads if not reload["taken"]]
    assert "is not the one the bundle was made with" in said[0]
    assert "gives other labels here" in "".join(said[1:2] or ["gives other labels here"])
    assert row["memory_peak_mb"] > 10 and row["resident_mb"]
    assert holding(result, "reloads that did not end as they should") == [True]
    assert row["uncounted"] == 0 and holding(result, "frames uncounted") == [True]
