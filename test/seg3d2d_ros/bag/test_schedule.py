# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools

import numpy as np
import pytest

from seg3d2d_ros.bag.frame_source import Frame
from seg3d2d_ros.bag.schedule import scheduled_frames

PIXEL = np.zeros((1, 1, 3), np.uint8)


def recording(*seconds):
    return [Frame(round(s * 1e9), PIXEL, str(k), "camera") for k, s in enumerate(seconds)]


def due_times(frames, **options):
    return [due for due, _ in itertools.islice(scheduled_frames(frames, **options), 20)]


def test_as_recorded():
    assert due_times(recording(50, 50.1, 50.5)) == pytest.approx([0, 0.1, 0.5])


def test_at_a_rate():
    assert due_times(recording(50, 51, 59), rate=4) == [0, 0.25, 0.5]


def test_where_stamps_jump_back_frames_are_due_at_once():
    assert due_times(recording(5, 6, 2, 7)) == pytest.approx([0, 1, 1, 2])


@pytest.mark.parametrize(("rate", "period"), [(None, 0.5), (10, 0.1)])
def test_loop_goes_on_with_the_same_period(rate, period):
    times = due_times(recording(5, 5.5, 6), rate=rate, loop=True)
    assert times == pytest.approx([period * k for k in range(20)])


def test_single_frame_loops_at_the_rate_of_image_folders():
    assert due_times(recording(5), loop=True)[:3] == pytest.approx([0, 1 / 15, 2 / 15])


def test_empty_recording_does_not_loop_for_ever():
    assert due_times([], loop=True) == []
