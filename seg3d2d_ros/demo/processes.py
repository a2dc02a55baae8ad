# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The processes of the demo and the network they share with nobody else."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import seg3d2d_ros

_DOMAINS = range(51, 101)
"""ROS domain ids that few choose, and whose ports no system hands out."""


def private_ros_environment() -> dict[str, str]:
    """Variables that keep ROS on this machine and, most likely, out of everybody's way."""
    environment = {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_STATIC_PEERS": "",
        "ROS_DISCOVERY_SERVER": "",
        "ROS_DOMAIN_ID": str(secrets.choice(_DOMAINS)),
    }
    if os.environ.get("ROS_DISTRO") == "humble":  # knows no discovery range
        environment["ROS_LOCALHOST_ONLY"] = "1"
    return environment


class ModuleProcess:
    """A Python module that runs as a process of its own, as a context manager that ends it.

    Args:
        title: for messages.
        module: to run, as by ``python -m``.
        arguments: for it.
        log: file for its standard error and, unless ``output`` is given, standard output.
        output: file for its standard output.
    """

    def __init__(
        self,
        title: str,
        module: str,
        arguments: Sequence[str],
        log: Path,
        output: Path | None = None,
    ) -> None:
        self.title = title
        self.log = log
        package_parent = str(Path(seg3d2d_ros.__file__).resolve().parent.parent)
        search_path = [package_parent, os.environ.get("PYTHONPATH", "")]
        with log.open("wb") as errors, (output or log).open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=errors if output else stream,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in search_path if p)},
                start_new_session=True,  # Ctrl-C on the terminal reaches only who handles it
            )

    def __enter__(self) -> ModuleProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """Its exit status, None while it runs; negative if a signal ended it."""
        return self._process.poll()

    def interrupt(self) -> None:
        """Ask it to end."""
        if self.exit_status is None:
            self._process.send_signal(signal.SIGINT)

    def stop(self, timeout_s: float = 10.0) -> int:
        """End it, by force after a while, and return its exit status."""
        self.interrupt()
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def describe_end(self) -> str:
        """In half a sentence how it ended and what it said last."""
        status = self.exit_status
        how = f"was ended by signal {-status}" if status and status < 0 else f"ended ({status})"
        lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        last = f" '{said[-1]}'" if said else " nothing"
        return f"{self.title} {how}; its log {self.log} says last:{last}"
