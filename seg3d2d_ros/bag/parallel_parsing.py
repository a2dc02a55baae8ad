# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Images parsed side by side, by several parsers of one model, and given back in order.

A network of few layers' work keeps one core busier than it keeps several, and reading and decoding
take cores from a network that waits for all of its threads. Who has many images and no hurry with
any single one gets through them faster with a parser of one thread on each core.
"""

from __future__ import annotations

import os
import queue
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from seg3d2d_ros.bundle import ModelBundle
from seg3d2d_ros.parser import ParserConfig, SceneParser

T = TypeVar("T")
R = TypeVar("R")

MOST_PARSERS = 4
"""More cores than these get threads of the parsers: each parser holds the network's memory."""


def parsers_side_by_side(bundle: ModelBundle, config: ParserConfig) -> list[SceneParser]:
    """Parsers of one model that share the CPU's cores; one alone on a device, or of set threads.

    Args:
        bundle: the model.
        config: backend, device and precision; ``threads``, if not 0, are those of one parser.

    Raises:
        ParserError: as of :class:`SceneParser`.
        BundleError: likewise.
    """
    alone = SceneParser(bundle, config)
    cores = len(os.sched_getaffinity(0))
    if config.threads or alone.device != "cpu" or cores == 1:
        return [alone]
    count = min(cores, MOST_PARSERS)
    shares = [cores // count + (k < cores % count) for k in range(count)]
    config = replace(config, backend=alone.backend_name)
    del alone  # whose memory the others need
    return [SceneParser(bundle, replace(config, threads=threads)) for threads in shares]


def in_order(
    work: Callable[[T, queue.SimpleQueue[SceneParser]], R],
    items: Iterable[T],
    parsers: Sequence[SceneParser],
) -> Generator[R, None, None]:
    """What `work` makes of each item, in the items' order, several at the same time.

    One item more is at work than there are parsers, so that one is prepared while others are
    parsed, and the next is in hand; `items` is iterated in the caller's thread.
    What `work` raises is raised here, in order.

    Args:
        work: called in threads with an item and the parsers that are free; takes one, puts it back.
        items: what is to be worked on.
        parsers: of one model.
    """
    free: queue.SimpleQueue[SceneParser] = queue.SimpleQueue()
    for parser in parsers:
        free.put(parser)
    count = len(parsers) + 1
    begun: deque[Future[R]] = deque()
    executor = ThreadPoolExecutor(count, thread_name_prefix="parsing")
    try:
        for item in items:
            if len(begun) == count:
                yield begun.popleft().result()
            begun.append(executor.submit(work, item, free))
        while begun:
            yield begun.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
