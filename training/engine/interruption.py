# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C during training: the step in work is finished and kept."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class StopRequest:
    """Whether somebody has asked to stop."""

    made: bool = False


@contextlib.contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Note the first SIGINT instead of raising at once; a second one raises KeyboardInterrupt.

    Outside the main thread, where Python takes no signals, nothing is changed.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, frame: object) -> None:
        if request.made:
            raise KeyboardInterrupt
        request.made = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield request
    finally:
        signal.signal(signal.SIGINT, before)
