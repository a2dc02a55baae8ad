# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Many small steps of PyTorch on several cores: each thread has work of its own.

PyTorch divides every single operation among its threads and waits for all of them. Where operations
are small, that waiting costs more than they do, and many times more where another process has one
of the cores. So here a thread does all operations of its part alone, and they wait once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_each(
    function: Callable[[Item], Result], items: Iterable[Item], device: torch.device
) -> list[Result]:
    """Results of a function for each item, in order; without gradients and autocast.

    On the CPU as many at a time as PyTorch has threads in the calling one, whose operations are
    not divided further; on other devices one after the other. Which thread has which item is left
    to chance, so an item's result must not depend on others.

    Neither the calling thread's number of threads changes nor that of others that have used
    PyTorch. A thread's first use of PyTorch takes the process's number; making the threads here,
    once for each number of them, sets that to 1 for an instant, for PyTorch sets the two only
    together. A thread whose first use falls into that instant stays with 1.

    Args:
        function: of an item; in a thread of these it may call this function again.
        items: what there is to do.
        device: of the tensors.
    """
    threads, inference = torch.get_num_threads(), torch.is_inference_mode_enabled()

    def run(item: Item) -> Result:
        # these modes belong to the thread that set them
        with torch.inference_mode(inference), torch.no_grad():
            return function(item)

    if device.type != "cpu" or threads == 1:
        with torch.autocast(device.type, enabled=False):
            return [run(item) for item in items]
    return list(_pools.of(threads).map(run, items))


def run_undivided(function: Callable[[], Result], device: torch.device) -> Result:
    """Result of a function, under the conditions of :func:`run_each`."""
    return run_each(lambda _: function(), (None,), device)[0]


def parts_of(items: Sequence[Item], device: torch.device) -> list[Sequence[Item]]:
    """Items divided among the threads of :func:`run_each`; at least one part.

    Which part has what depends on the number of items and of PyTorch's threads alone, so sums by
    part are the same at every run.
    """
    threads = torch.get_num_threads() if device.type == "cpu" else 1
    count = max(min(threads, len(items)), 1)
    return [items[part::count] for part in range(count)]


class _Pools:
    """Threads whose operations are not divided, by their number."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Threads do not survive a fork."""
        self._making = threading.Lock()
        self._by_number: dict[int, ThreadPoolExecutor] = {}

    def of(self, threads: int) -> ThreadPoolExecutor:
        with self._making:
            if threads not in self._by_number:
                self._by_number[threads] = _new_pool(threads)
            return self._by_number[threads]


def _new_pool(threads: int) -> ThreadPoolExecutor:
    started = threading.Barrier(threads)

    def start() -> None:
        torch.get_num_threads()  # the first use takes the process's number, whatever was set before
        torch.set_num_threads(1)
        started.wait()

    # a new thread has the process's number, and setting its own sets that
    with ThreadPoolExecutor(1) as new:
        before = new.submit(torch.get_num_threads).result()
        pool = ThreadPoolExecutor(threads, "points")
        try:
            for starting in [pool.submit(start) for _ in range(threads)]:
                starting.result()
        finally:
            started.abort()  # of threads that wait for one which could not be started
            new.submit(torch.set_num_threads, before).result()
    return pool


_pools = _Pools()
os.register_at_fork(after_in_child=_pools.forget)
