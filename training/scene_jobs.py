# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""One job for each scene: in this process, in several, or as Ray tasks on several machines."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from training.data.labelled_frames import DatasetError

Job = TypeVar("Job")
Result = TypeVar("Result")

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
"""Scenes run side by side, so each takes one thread; libraries read this when they are loaded."""


def run_scene_jobs(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    ray_address: str | None = None,
) -> Iterator[Result]:
    """Results in the order in which they are finished.

    Args:
        work: a function of a module, so that other processes find it; its argument and result
            can be pickled.
        jobs: its arguments.
        workers: processes; 1 for this one alone. With Ray, the most tasks at a time.
        ray_address: of a Ray cluster, such as ``auto`` or ``10.0.0.1:6379``, whose machines see
            the same files; ``local`` for a private one on this machine.

    Raises:
        DatasetError: if Ray is asked for and can't be had.
        Exception: what a job raises; jobs that are then under way are given up.
    """
    if ray_address is not None:
        yield from _with_ray(work, jobs, workers, ray_address)
    elif workers == 1:
        yield from map(work, jobs)
    else:
        before = {name: os.environ.get(name) for name in ONE_THREAD}
        os.environ.update(ONE_THREAD)
        try:
            # Fresh processes, because native thread pools do not survive a fork.
            context = multiprocessing.get_context("spawn")
            with context.Pool(min(workers, max(len(jobs), 1)), _start_worker) as pool:
                yield from pool.imap_unordered(work, jobs)
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _start_worker() -> None:
    # The parent answers Ctrl-C for all.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _with_ray(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int, address: str
) -> Iterator[Result]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ModuleNotFoundError as error:
        raise DatasetError(
            "--ray needs Ray on every machine: pip install ray; --workers does without"
        ) from error
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address == "local":
        options |= {
            "num_cpus": workers,
            "include_dashboard": False,
            "_node_ip_address": "127.0.0.1",
        }
    try:
        ray.init(address=address, runtime_env={"env_vars": ONE_THREAD}, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise DatasetError(
            f"no Ray cluster answers at '{address}' ({error}); start one with 'ray start --head'"
        ) from error
    try:
        task = ray.remote(num_cpus=1)(work)
        waiting = list(jobs)[::-1]
        running: list[Any] = []
        while waiting or running:
            while waiting and len(running) < workers:
                running.append(task.remote(waiting.pop()))
            done, running = ray.wait(running)
            for result in done:
                yield ray.get(result)
    finally:
        ray.shutdown()
