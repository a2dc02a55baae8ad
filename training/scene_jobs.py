# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""One job for each scene: in this process, in several, or as Ray tasks on several machines."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

from training.data.labelled_frames import DatasetError

Job = TypeVar("Job")
Result = TypeVar("Result")

LOOPBACK = "127.0.0.1"
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
"""Scenes run side by side, so each takes one thread; libraries read this when they are loaded."""


def run_scene_jobs(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    workers: int | None = None,
    ray_address: str | None = None,
) -> Iterator[Result]:
    """Results in the order in which they are finished.

    Args:
        work: a function of a module, so that other processes find it; its argument and result
            can be pickled.
        jobs: its arguments.
        workers: processes; 1, or None, for this one alone. With Ray the most tasks at a time; None
            for as many as the cluster has CPUs.
        ray_address: of a Ray cluster, such as ``auto`` or ``10.0.0.1:6379``, whose machines see
            the same files; ``local`` for a private one on this machine.

    Raises:
        DatasetError: if Ray is asked for and can't be had, or a process is killed.
        Exception: what a job raises; jobs that are then under way are given up.
    """
    if ray_address is not None:
        yield from _with_ray(work, jobs, workers, ray_address)
    elif workers in (None, 1):
        yield from map(work, jobs)
    else:
        yield from _with_processes(work, jobs, workers)


def _with_processes(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> Iterator[Result]:
    variables = {name: os.environ.get(name) for name in ONE_THREAD}
    others = set(multiprocessing.active_children())
    # Fresh processes, because native thread pools do not survive a fork.
    context = multiprocessing.get_context("spawn")
    processes = min(workers, max(len(jobs), 1))
    executor = ProcessPoolExecutor(processes, context, _start_worker)
    os.environ.update(ONE_THREAD)
    try:
        for future in as_completed([executor.submit(work, job) for job in jobs]):
            yield future.result()
        executor.shutdown()
    except BrokenProcessPool as error:
        raise DatasetError(
            "a worker process was killed, perhaps because memory ran out; try fewer --workers"
        ) from error
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        for name, value in variables.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


PARENT_WATCH_S = 1.0


def _start_worker() -> None:
    # The parent answers Ctrl-C for all.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()


def _end_with_parent(parent: int) -> None:
    """End this process when its parent is gone: one that was killed has told nobody."""
    while os.getppid() == parent:
        time.sleep(PARENT_WATCH_S)
    os._exit(1)


def _with_ray(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int | None, address: str
) -> Iterator[Result]:
    _check_address(address)
    ray = _import_ray(local=address == "local")
    options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address == "local":
        options |= {"num_cpus": workers, "include_dashboard": False}
    # Workers find this package where it is here, whatever folder they are started in.
    places = [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
    variables = ONE_THREAD | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    try:
        ray.init(address=address, runtime_env={"env_vars": variables}, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise _no_cluster(address, error) from error
    try:
        if address == "local" and ray.util.get_node_ip_address() != LOOPBACK:
            raise DatasetError(
                "a Ray that was loaded before listens to the network, not only to this machine; "
                "use --workers without --ray"
            )
        if workers is None:
            workers = max(int(ray.cluster_resources().get("CPU", 1)), 1)
        task = ray.remote(num_cpus=1)(work)
        waiting = list(jobs)[::-1]
        running: list[Any] = []
        while waiting or running:
            while waiting and len(running) < workers:
                running.append(task.remote(waiting.pop()))
            done, running = ray.wait(running)
            for result in done:
                yield ray.get(result)
    except ray.exceptions.RayTaskError as error:  # its text is the traceback of the other machine
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise DatasetError(f"the Ray cluster at '{address}' lost a scene ({error})") from error
    finally:
        ray.shutdown()


def _check_address(address: str) -> None:
    """Ask whether anything is there, because Ray tries for more than a minute."""
    host, separator, port = address.removeprefix("ray://").rpartition(":")
    if not separator:  # auto and local
        return
    if not port.isdecimal():
        raise DatasetError(f"'{address}' is no address of a Ray cluster, such as 10.0.0.1:6379")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> DatasetError:
    return DatasetError(
        f"no Ray cluster answers at '{address}' ({error}); start one with 'ray start --head', or "
        "set RAY_AUTH_MODE=token if it asks for a token"
    )


def _import_ray(*, local: bool) -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if local:
        # Ray listens on all interfaces unless it takes this machine for one that can't be part of
        # a cluster; it looks when it is imported, its processes when they start.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # A token of its own keeps other users of this machine out, and Ray from leaving one in the
        # home folder, which later clusters would ask for.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray
    except ModuleNotFoundError as error:
        raise DatasetError(
            "--ray needs Ray on every machine: pip install ray; --workers does without"
        ) from error
    return ray
