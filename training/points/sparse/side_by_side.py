# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Threads that each do a part of many small operations.

PyTorch divides every single operation among its threads, which wait for each other after each.
Sparse convolution is thousands of small operations; where another process has one of the cores,
the waiting takes ten times as long as the work. So here a thread does all operations of its part
alone, and they wait once.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Item = TypeVar("Item")


def side_by_side(
    items: Sequence[Item], device: torch.device, work: Callable[[Sequence[Item], int], None]
) -> None:
    """Call `work` with parts of the items, on the CPU side by side.

    Which part has what depends on the number of items and of PyTorch's threads alone, so sums by
    part are the same at every run.

    Args:
        items: what there is to do.
        device: of the tensors.
        work: takes the items of one part, and its number below :func:`count_parts`; runs without
            gradients and autocast.
    """
    parts = count_parts(items, device)
    inference = torch.is_inference_mode_enabled()

    def run(part: int) -> None:
        # these modes belong to the thread that set them
        with torch.inference_mode(inference), torch.no_grad():
            work(items[part::parts], part)

    with one_thread(device):
        if parts == 1:
            run(0)
        else:
            for _ in _pool(parts).map(run, range(parts)):
                pass


def count_parts(items: Sequence[Item], device: torch.device) -> int:
    """Into how many parts :func:`side_by_side` divides these items."""
    return max(min(torch.get_num_threads(), len(items)), 1) if device.type == "cpu" else 1


@contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """On the CPU operations within do not divide their work."""
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="sparse-convolution")


# threads do not survive a fork
os.register_at_fork(after_in_child=_pool.cache_clear)
