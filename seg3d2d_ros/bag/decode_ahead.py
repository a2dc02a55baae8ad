# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Items made ahead of time by a thread, so that who takes them is not held up."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")

_END = object()


class DecodeAhead(Generic[T]):
    """Runs an iterable in a thread and keeps up to ``depth`` of its items ready.

    What the iterable raises is raised to who iterates over this; who leaves early does not hear of
    what it raises in items that were not taken, or in being closed. Use it as a context manager,
    which starts the thread and ends it, also when not all items were taken. A generator is closed
    by the thread, in which it opened what it reads.
    """

    def __init__(self, items: Iterable[T], depth: int) -> None:
        self._items = items
        self._ready: queue.Queue[object] = queue.Queue(depth)
        self._stop = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="decode-ahead", daemon=True)

    def __enter__(self) -> DecodeAhead[T]:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        while self._thread.is_alive():
            try:  # make room for the one item that the thread may be handing over
                self._ready.get_nowait()
            except queue.Empty:
                self._thread.join(0.01)

    def __iter__(self) -> Iterator[T]:
        while (item := self._ready.get()) is not _END:
            yield item  # type: ignore[misc]
        if self._fault is not None:
            raise self._fault

    def _run(self) -> None:
        try:
            try:
                for item in self._items:
                    if self._stop.is_set():
                        return
                    self._ready.put(item)
            finally:
                if isinstance(self._items, Generator):
                    self._items.close()
        except BaseException as error:  # handed to the consumer, whatever it is
            self._fault = error
        finally:
            self._ready.put(_END)
