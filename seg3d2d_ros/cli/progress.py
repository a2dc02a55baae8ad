# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""How far a long job has come: a bar on a terminal, a line now and then in a log.

Where the end is known, with steps per second since the first and the time that is left.
"""

from __future__ import annotations

import sys
import time
from typing import TextIO

_BAR_WIDTH = 30
_TERMINAL_PERIOD_S = 0.1
_LOG_PERIOD_S = 5.0


class Progress:
    """Shows ``done`` of ``total`` on the standard error.

    Args:
        label: what is being done.
        total: expected number of steps; 0 where it is not known.
        stream: where to write, the standard error if not given.
    """

    def __init__(self, label: str, total: int, stream: TextIO | None = None) -> None:
        self._label = label
        self._total = total
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._first: tuple[float, int] | None = None
        self._due_s = time.monotonic() + (0.0 if self._terminal else _LOG_PERIOD_S)
        self._shown = 0

    def update(self, done: int, note: str = "") -> None:
        """Show the state, if it is time to."""
        now = time.monotonic()
        if done and self._first is None:
            self._first = now, done
        if now < self._due_s:
            return
        self._due_s = now + (_TERMINAL_PERIOD_S if self._terminal else _LOG_PERIOD_S)
        self._write(done, note)

    def finish(self, done: int, note: str = "") -> None:
        """Show the final state of what was shown before."""
        if self._terminal:
            self._write(done, note)
            self._stream.write("\n")
            self._stream.flush()

    def _write(self, done: int, note: str) -> None:
        count = f"{done}/{self._total}" if self._total else str(done)
        parts = [f"{self._label}: {count}", self._pace(done), note]
        text = ", ".join(part for part in parts if part)
        if not self._terminal:
            self._stream.write(text + "\n")
        else:
            filled = min(_BAR_WIDTH * done // self._total, _BAR_WIDTH) if self._total else 0
            bar = "#" * filled + "." * (_BAR_WIDTH - filled)
            text = f"[{bar}] {text}"
            self._stream.write("\r" + text.ljust(self._shown))
            self._shown = len(text)
        self._stream.flush()

    def _pace(self, done: int) -> str:
        if not self._total or self._first is None:
            return ""
        elapsed_s, steps = time.monotonic() - self._first[0], done - self._first[1]
        if elapsed_s <= 0 or steps <= 0:
            return ""
        rate = steps / elapsed_s
        left_s = round((self._total - done) / rate)
        if left_s <= 0:
            return f"{rate:.1f}/s"
        return f"{rate:.1f}/s, {left_s // 60}:{left_s % 60:02} left"
