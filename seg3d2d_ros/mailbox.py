# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A slot between two threads that holds the newest item only."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Hands the newest item over; an item not taken in time is superseded, never queued.

    A queue in front of a consumer slower than its producer only makes every result older.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: T | None = None
        self._closed = False

    def put(self, item: T) -> bool:
        """Leave an item.

        Returns:
            Whether an item was lost: one that nobody took, or this one into a closed mailbox.
        """
        with self._condition:
            if self._closed:
                return True
            superseded = self._item is not None
            self._item = item
            self._condition.notify()
            return superseded

    def take(self) -> T | None:
        """Wait for an item and take it; None once the mailbox is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._closed)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> bool:
        """Let :meth:`take` return None from now on. Returns whether an item was thrown away."""
        with self._condition:
            self._closed = True
            thrown_away, self._item = self._item is not None, None
            self._condition.notify_all()
            return thrown_away
