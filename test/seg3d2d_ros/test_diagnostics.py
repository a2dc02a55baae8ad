# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The node's entry on /diagnostics."""

from __future__ import annotations

import pytest

pytest.importorskip("diagnostic_msgs.msg")

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from seg3d2d_ros.diagnostics import DiagnosticsReporter
from seg3d2d_ros.statistics import Drop, FrameStatistics


def status(reporter, statistics, **changes):
    arguments = {"state": "active", "configure_fault": "", "camera_fault": "", "details": {}}
    message = reporter.message(Time(sec=7), statistics.snapshot(), **arguments | changes)
    assert message.header.stamp.sec == 7
    (only,) = message.status
    return only


def parsed(statistics, count=1):
    for _ in range(count):
        statistics.count_received()
        statistics.count_parsed(latency_s=0.05, image_age_s=0.01, parse_time_s=0.02)


def failed(statistics, reason=Drop.UNDECODABLE):
    statistics.count_received()
    statistics.count_dropped(reason, "no pixels")


def test_values_hold_all_counts_times_and_details():
    statistics = FrameStatistics()
    parsed(statistics, 3)
    failed(statistics)
    entry = status(DiagnosticsReporter("/robot/parse"), statistics, details={"device": "cpu"})
    values = {value.key: value.value for value in entry.values}
    assert entry.name == "robot/parse: image parsing"
    assert entry.hardware_id == "/robot/parse"
    assert values["device"] == "cpu"
    assert values["state"] == "active"
    assert (values["received"], values["parsed"], values["pending"]) == ("4", "3", "0")
    assert values["dropped_undecodable"] == "1"
    assert {f"dropped_{reason.value}" for reason in Drop} <= set(values)
    assert values["latency_p50_ms"] == "50.0"
    assert values["image_age_p95_ms"] == "10.0"
    assert values["parse_time_p99_ms"] == "20.0"
    assert values["last_fault"] == "no pixels"


def test_level_follows_what_happened_since_the_last_report():
    reporter, statistics = DiagnosticsReporter("/parse"), FrameStatistics()
    parsed(statistics)
    assert status(reporter, statistics).level == DiagnosticStatus.OK
    failed(statistics)
    parsed(statistics)
    assert status(reporter, statistics).level == DiagnosticStatus.WARN
    failed(statistics, Drop.ERROR)
    entry = status(reporter, statistics)
    assert entry.level == DiagnosticStatus.ERROR
    assert "1 images failed, the last because no pixels" in entry.message
    # a camera slower than the reports: nothing new, so nothing got better
    assert status(reporter, statistics).level == DiagnosticStatus.ERROR
    parsed(statistics)
    assert status(reporter, statistics).level == DiagnosticStatus.OK
    failed(statistics, Drop.SUPERSEDED)  # dropping frames is the normal course
    assert status(reporter, statistics).level == DiagnosticStatus.OK


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (Drop.STALE, "older than max_image_age; check that the camera's clock"),
        (Drop.SUPERSEDED, "the image in work does not end"),
        (Drop.RATE_LIMITED, "max_rate is too low"),
    ],
)
def test_images_of_which_none_is_parsed(reason, text):
    reporter, statistics = DiagnosticsReporter("/parse"), FrameStatistics()
    for _ in range(3):
        failed(statistics, reason)
    entry = status(reporter, statistics)
    assert entry.level == DiagnosticStatus.WARN
    assert entry.message.startswith("images come, but none is parsed: ")
    assert text in entry.message


def test_parsing_that_is_switched_off_is_no_fault():
    reporter, statistics = DiagnosticsReporter("/parse"), FrameStatistics()
    failed(statistics, Drop.DISABLED)
    assert status(reporter, statistics).level == DiagnosticStatus.OK


def test_states_and_faults():
    reporter, statistics = DiagnosticsReporter("/parse"), FrameStatistics()
    assert status(reporter, statistics, state="inactive").level == DiagnosticStatus.OK
    assert status(reporter, statistics, state="unconfigured").level == DiagnosticStatus.WARN
    entry = status(reporter, statistics, camera_fault="no image on /image")
    assert (entry.level, entry.message) == (DiagnosticStatus.WARN, "no image on /image")
    entry = status(reporter, statistics, state="unconfigured", configure_fault="no model 'x'")
    assert (entry.level, entry.message) == (
        DiagnosticStatus.ERROR,
        "can't be configured: no model 'x'",
    )
