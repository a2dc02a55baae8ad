# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The benchmarks that need no ROS."""

from __future__ import annotations

import pytest

pytest.importorskip("rosbags")


def test_backends(run_benchmark, bundle_path, holding):
    pytest.importorskip("torch")
    from seg3d2d_ros.backends import installed_backends

    result = run_benchmark(
        "backends", "--bundle", bundle_path, "--images", 2, "--threads", 1, "--size", "160x120"
    )
    rows = {row["backend"]: row for row in result["rows"]}
    eager = rows.pop("eager PyTorch fp32 (cpu)")
    assert eager["speed_up"] == 1 and eager["equal_to_eager"] == 1
    assert {name.split()[0] for name in rows} <= set(installed_backends())
    assert {"openvino fp32", "onnxruntime fp32"} <= set(rows)
    for name, row in rows.items():
        assert (row["images"], row["failed"]) == (2, 0)
        assert 0 < row["time_p50_ms"] <= row["time_p95_ms"] <= row["time_p99_ms"]
        assert row["equal_to_eager"] > (0.995 if name.endswith("fp32") else 0.9)
        if row["device"] == "cpu":
            ratio = eager["time_p50_ms"] / row["time_p50_ms"]
            assert row["speed_up"] == pytest.approx(ratio, rel=0.01)
    # the network filled from the bundle is the bundle's: it gives the labels stored at export
    (bound,) = [b for b in result["bounds"] if b["what"].startswith("part of the reference")]
    assert bound["measured"] > 0.999
    assert all(holding(result, "images without labels"))


def test_codec(run_benchmark, holding):
    result = run_benchmark("codec", "--sizes", "320x240", "--messages", 12)
    rows = {row["encoding"]: row for row in result["rows"]}
    assert {"rgb8", "bgr8", "rgba8", "bgra8", "mono8", "mono16", "jpeg", "png"} <= set(rows)
    for encoding, row in rows.items():
        decoded = {"ours": row["decoded_by_ours"], "cv_bridge": row["decoded_by_cv_bridge"]}
        assert row["failed"] == 0
        for name, count in decoded.items():
            assert (count, name in row["not_decoded"]) in ((12, False), (0, True)), encoding
        assert (row["speed_up"] is not None) == all(decoded.values())
    for encoding in ("rgb8", "bgr8", "rgba8", "bgra8", "mono8", "jpeg", "png"):
        assert rows[encoding]["greatest_difference"] == 0
        assert rows[encoding]["ours_p50_ms"] > 0
    assert holding(result, "messages not decoded") == [True]
    assert "cv_bridge" in result["notes"][0]


def test_bag_labelling(run_benchmark, channel_bundle, tmp_path, holding):
    result = run_benchmark(
        "bag_labelling",
        *("--bundle", channel_bundle.path, "--size", "320x240"),
        *("--frames", 10, "--rounds", 2, "--scratch", tmp_path),
    )
    assert [row["images"] for row in result["rows"]] == ["jpeg", "rgb8"]
    for row in result["rows"]:
        assert row["frames"] == 20 == row["labelled"] + row["faults"]
        assert row["uncounted"] == 0
        ratios = [a / b for a, b in zip(row["backend_s"], row["labelling_s"], strict=True)]
        assert row["part_of_backend"] == pytest.approx(sum(ratios) / 2, rel=0.05)
        held = holding(result, f"part of the backend's frames per second, bag of {row['images']}")
        assert held == [row["part_of_backend"] >= 0.9]
    assert holding(result, "frames uncounted") == [True, True]


def test_projection_speed(run_benchmark, holding):
    for package in ("open3d", "trimesh", "pyoidn"):
        pytest.importorskip(package)
    result = run_benchmark(
        "projection_speed", "--points", 1, "--frames", 1, "--rounds", 1, "--sizes", "320x240"
    )
    assert [row["case"] for row in result["rows"]] == ["room", "in view"]
    for row in result["rows"]:
        assert row["points"] > 10_000 and 0 < row["visible"] < row["points"]
        assert row["speed_up"] == pytest.approx(row["loop_p50_ms"] / row["ours_p50_ms"], rel=0.01)
        assert row["speed_up"] > 5
        assert row["frames_per_s"] == pytest.approx(1e3 / row["project_p50_ms"], rel=0.01)
    assert holding(result, "cells in which project --legacy differs") == [True, True]
    assert len(holding(result, "frames a second on one core")) == 2
