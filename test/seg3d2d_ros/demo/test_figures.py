# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from seg3d2d_ros.demo.figures import DemoFigures
from seg3d2d_ros.demo.observations import Observations

DIAGNOSTICS = {
    "received": "9",
    "parsed": "6",
    "dropped_superseded": "2",
    "dropped_undecodable": "1",
    "dropped_stale": "0",
    "bundle": "rooms",
    "bundle_hash": "0123456789abcdef",
    "backend": "openvino",
    "precision": "bf16",
    "device": "cpu",
}


def test_figures_of_a_run():
    with Observations() as observations:
        for k in range(5):
            observations.add_labels(np.zeros((4, 4), np.uint8), 0.01 * (k + 1), 7 + 0.5 * k)
    played = {
        "frames_sent": 10,
        "rate_hz": 15.0,
        "faults": [{"name": "7.png", "reason": "cut off"}],
    }
    figures = DemoFigures.collect(played, DIAGNOSTICS, observations)
    assert figures.drops == {"superseded": 2, "undecodable": 1}
    assert figures.labels == 5
    assert figures.labels_per_second == 2.0
    assert figures.latency_p50_ms == pytest.approx(30)
    assert figures.latency_p95_ms == pytest.approx(48)
    rows = dict(figures.rows())
    assert rows["left out: 7.png"] == "cut off"
    assert rows["frames sent by the camera"] == "10 (15.0 per second), 1 unreadable"
    assert rows["received by the parse node"] == "9 (1 lost)"
    assert rows["dropped"] == "3 (superseded 2, undecodable 1)"
    assert rows["run by"] == "openvino bf16 cpu"


def test_figures_without_drops():
    with Observations() as observations:
        observations.add_labels(np.zeros((4, 4), np.uint8), 0.02, 1.0)
    played = {"frames_sent": 9, "rate_hz": 15, "faults": []}
    diagnostics = {k: v for k, v in DIAGNOSTICS.items() if not k.startswith("dropped")}
    figures = DemoFigures.collect(played, diagnostics, observations)
    rows = dict(figures.rows())
    assert rows["dropped"] == "0"
    assert rows["received by the parse node"] == "9"
