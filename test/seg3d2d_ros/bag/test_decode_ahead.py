# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time

import pytest

from seg3d2d_ros.bag.decode_ahead import DecodeAhead


def test_items_come_in_order():
    with DecodeAhead(range(100), 3) as items:
        assert list(items) == list(range(100))


def test_at_most_depth_items_wait():
    made = []

    def numbers():
        for number in range(100):
            made.append(number)
            yield number

    with DecodeAhead(numbers(), 3) as items:
        assert next(iter(items)) == 0
        deadline = time.monotonic() + 5
        while len(made) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)  # for one too many to show
        # one taken, three ready, one in the thread's hands
        assert len(made) == 5


def test_fault_reaches_the_consumer_after_the_items_before_it():
    def faulty():
        yield 1
        raise ValueError("damaged")

    got = []
    with pytest.raises(ValueError, match="damaged"), DecodeAhead(faulty(), 3) as items:
        got.extend(items)
    assert got == [1]


def test_leaving_early_ends_the_thread():
    before = threading.active_count()
    with DecodeAhead(iter(int, 1), 2) as items:
        next(iter(items))
    assert threading.active_count() == before


def test_a_generator_is_closed_in_the_thread_that_ran_it():
    threads = []

    def numbers():
        try:
            while True:
                yield threading.current_thread()
        finally:
            threads.append(threading.current_thread())

    with DecodeAhead(numbers(), 2) as items:
        worker = next(iter(items))
        assert not threads
    assert threads == [worker] and worker is not threading.current_thread()


def ends_badly(number):
    try:
        yield from range(number)
    finally:
        raise ValueError("can't be closed")


def test_a_fault_behind_the_last_item_reaches_the_consumer():
    got = []
    with pytest.raises(ValueError, match="can't be closed"), DecodeAhead(ends_badly(2), 1) as items:
        got.extend(items)
    assert got == [0, 1]


def test_who_leaves_early_does_not_hear_of_a_fault_of_closing():
    before = threading.active_count()
    with DecodeAhead(ends_badly(100), 1) as items:
        assert next(iter(items)) == 0
    assert threading.active_count() == before
