# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The wish to end, from SIGINT and SIGTERM."""

from __future__ import annotations

import signal
import threading

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def stop_on_signals() -> threading.Event:
    """Turn SIGINT and SIGTERM, however many, into one event. To be called from the main thread.

    A thread waits for them; the main thread blocks them, and so does every thread it starts from
    now on. Handlers that interrupt would not do: OpenVINO gives the thread that compiles a model an
    alternate signal stack of 20 kB, on a CPU with AMX each handler takes 12 kB of it, and a second
    signal during the first ends the process with a segmentation fault.
    """
    stop = threading.Event()
    for number in _SIGNALS:  # where a thread of a library that was there before takes them
        signal.signal(number, lambda *_: stop.set())
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    threading.Thread(target=_wait, args=(stop,), name="signals", daemon=True).start()
    return stop


def _wait(stop: threading.Event) -> None:
    while True:
        signal.sigwait(_SIGNALS)
        stop.set()
