# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Many small steps of PyTorch on several cores: each thread has work of its own.

PyTorch divides every single operation among its threads and waits for all of them. Where
operations are small, that waiting costs more than they do, all the more on a busy machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_each(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Results of a function for each item, in order; without gradients.

    There are as many threads as PyTorch has in the calling one; operations within the function are
    not divided further.
    """
    threads, inference = torch.get_num_threads(), torch.is_inference_mode_enabled()

    def run(item: Item) -> Result:
        with torch.inference_mode(inference), torch.no_grad():
            return function(item)

    if threads == 1:
        return [run(item) for item in items]
    return list(_pool(threads).map(run, items))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "points", torch.set_num_threads, (1,))
