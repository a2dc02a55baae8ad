# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The slot between subscription and worker."""

from __future__ import annotations

import threading

from seg3d2d_ros.mailbox import Mailbox


def test_newest_item_wins_and_the_older_is_reported():
    mailbox = Mailbox()
    assert [mailbox.put(item) for item in (1, 2, 3)] == [False, True, True]
    assert mailbox.take() == 3
    assert mailbox.put(4) is False


def test_take_waits_for_an_item():
    mailbox = Mailbox()
    taken = []
    thread = threading.Thread(target=lambda: taken.append(mailbox.take()))
    thread.start()
    mailbox.put("item")
    thread.join(10)
    assert taken == ["item"]


def test_close_ends_take_and_reports_what_was_thrown_away():
    mailbox = Mailbox()
    taken = []
    thread = threading.Thread(target=lambda: taken.append(mailbox.take()))
    thread.start()
    assert mailbox.close() is False
    thread.join(10)
    assert taken == [None]

    mailbox = Mailbox()
    mailbox.put(1)
    assert mailbox.close() is True
    assert mailbox.take() is None
    assert mailbox.put(2) is True


def test_no_item_is_lost_or_doubled_between_threads():
    mailbox = Mailbox()
    taken, superseded = [], 0

    def take_all():
        while (item := mailbox.take()) is not None:
            taken.append(item)

    thread = threading.Thread(target=take_all)
    thread.start()
    for item in range(1, 20001):
        superseded += mailbox.put(item)
    superseded += mailbox.close()
    thread.join(10)
    assert taken == sorted(set(taken))
    assert len(taken) + superseded == 20000
