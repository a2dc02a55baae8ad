# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The parse node for minutes, while its model is reloaded again and again, often in vain."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from std_srvs.srv import Trigger

from bench.listener import Listener
from bench.live_session import CameraSettings, NodeUnderTest, private_domain, run_live
from bench.process_memory import MemorySample, growth, read_memory
from bench.recorded_images import image_size
from bench.reload_bundles import ReloadBundle, write_reload_bundles
from bench.report import Report, add_out_argument, percentiles
from seg3d2d_ros.bundle import ModelBundle, resolve_bundle
from seg3d2d_ros.cli.arguments import DEFAULT_BUNDLE
from seg3d2d_ros.demo.processes import ModuleProcess

NAME = "soak"
MEASURED = """The parse node on a camera (reliable, depth 50, so that the middleware loses nothing),
three processes on one machine. At every reload the
parameter `bundle` is set and ~/reload called: in turns a bundle that works, one with altered
weights, another that works, and one that loads but gives other labels than its references; the
node must take the first and third and keep its model at the others. uncounted: frames sent that
the node did not count as parsed or dropped, or whose labels did not arrive. memory_growth_mb:
median resident memory from the last reload to the end, above the median from the first reload of
each kind to the next; memory_growth_since_start_mb: above that before the first reload."""

MEMORY_BOUND_MB = 20.0
KINDS = 4
"""Kinds of reload; memory that only the first of each takes is no growth over time."""

COLUMNS = {
    "rate_hz": "Hz",
    "duration_s": "seconds",
    "sent": "sent",
    "labelled": "labelled",
    "dropped": "dropped",
    "uncounted": "uncounted",
    "reloads": "reloads",
    "refused": "refused",
    "memory_growth_mb": "growth MB",
    "memory_end_mb": "end MB",
    "memory_peak_mb": "peak MB",
    "latency_p50_ms": "p50 ms",
    "latency_p99_ms": "p99 ms",
}

_SAMPLE_S = 0.5
_REPORTS_AFTER = 2
"""Diagnostics to wait for: the first may have been made before the reload."""


@dataclass
class Reload:
    """One reload and what came of it."""

    bundle: ReloadBundle
    start_s: float
    end_s: float = 0.0
    taken: bool = False
    message: str = ""
    hash_after: str = ""


class Operator:
    """Reloads at fixed times and watches the memory. Call it often.

    Args:
        bundles: to reload, in turns.
        hash_at_start: of the model that runs.
        every_s: seconds between two reloads; the first is due after half of it.
        until_s: no reload is begun from then on, in seconds from the first label.

    Attributes:
        reloads: that were begun.
        memory: samples of the node's.
    """

    def __init__(
        self, bundles: Iterator[ReloadBundle], hash_at_start: str, every_s: float, until_s: float
    ) -> None:
        self._bundles = bundles
        self._every_s = every_s
        self._until_s = until_s
        self._running_hash = hash_at_start
        self._start_s: float | None = None
        self._steps: Iterator[None] | None = None
        self.reloads: list[Reload] = []
        self.memory: list[MemorySample] = []

    def __call__(self, listener: Listener, node: ModuleProcess) -> bool:
        """Do what is due. Returns whether a reload is under way."""
        now = time.monotonic()
        if not listener.arrivals:
            return False
        self._start_s = self._start_s or now
        if not self.memory or now - self.memory[-1].time_s >= _SAMPLE_S:
            self.memory.append(read_memory(node.pid, now))
        elapsed = now - self._start_s
        if self._steps is None:
            due = (len(self.reloads) + 0.5) * self._every_s
            if due <= elapsed and due < self._until_s:
                self._steps = self._reload(listener)
        elif next(self._steps, "ended") == "ended":
            self._steps = None
        return self._steps is not None

    def _reload(self, listener: Listener) -> Iterator[None]:
        """Reload step by step, handing back while the node has not answered."""
        reload = Reload(next(self._bundles), time.monotonic())
        self.reloads.append(reload)
        value = ParameterValue(
            type=ParameterType.PARAMETER_STRING, string_value=str(reload.bundle.path)
        )
        request = SetParameters.Request(parameters=[Parameter(name="bundle", value=value)])
        yield from self._call(listener, SetParameters, "/parse/set_parameters", request)
        answer = yield from self._call(listener, Trigger, "/parse/reload", Trigger.Request())
        reload.end_s = time.monotonic()
        reload.taken, reload.message = answer.success, answer.message
        reports = listener.reports
        while listener.reports < reports + _REPORTS_AFTER:
            yield
        reload.hash_after = listener.diagnostics["bundle_hash"]

    @staticmethod
    def _call(listener: Listener, kind: Any, name: str, request: Any) -> Any:
        client = listener.node.create_client(kind, name)
        while not client.service_is_ready():
            yield
        future = client.call_async(request)
        while not future.done():
            yield
        listener.node.destroy_client(client)
        return future.result()

    def wrong_reloads(self) -> list[str]:
        """What each reload that did not end as it should did instead."""
        wrong, expected = [], self._running_hash
        for number, reload in enumerate(self.reloads):
            expected = reload.bundle.hash or expected
            if not reload.hash_after:
                wrong.append(f"reload {number} ({reload.bundle.kind}) did not end")
            elif (reload.taken, reload.hash_after) != (reload.bundle.works, expected):
                wrong.append(f"reload {number} ({reload.bundle.kind}): {reload.message}")
        return wrong

    def memory_growth(self, before: int) -> float | None:
        """MB from after the first ``before`` reloads to after the last, None if they are all."""
        if len(self.reloads) <= before or not self.memory or not self.reloads[-1].end_s:
            return None
        begin = self.reloads[before - 1].end_s if before else 0.0
        end = self.memory[-1].time_s
        return growth(
            self.memory, (begin, self.reloads[before].start_s), (self.reloads[-1].end_s, end)
        )


def main() -> int:
    """Measure. Returns the exit status."""
    arguments = parse_arguments()
    report = Report(NAME, MEASURED, vars(arguments))
    bundle = ModelBundle.load(resolve_bundle(arguments.bundle))
    with tempfile.TemporaryDirectory(prefix="seg3d2d-bench-") as folder, private_domain():
        bundles = write_reload_bundles(bundle, Path(folder))
        operator = Operator(bundles, bundle.hash, arguments.reload_every, arguments.seconds)
        node = NodeUnderTest(
            "the parse node",
            parameters=(
                ("bundle", str(bundle.path.resolve())),
                ("precision", arguments.precision),
                # what the middleware pushes out of a queue of one, nobody can count
                ("qos_reliability", "reliable"),
                ("qos_depth", "50"),
            ),
        )
        camera = CameraSettings(
            width=arguments.size[0],
            height=arguments.size[1],
            rate=arguments.rate,
            frames=round(arguments.rate * arguments.seconds),
            warm_up=2,
        )
        run = run_live(node, camera, operator)
    accounts = run.accounts()
    lost = accounts.lost_before_node + accounts.lost_after_node
    uncounted = accounts.uncounted + lost
    grown = operator.memory_growth(KINDS)
    refused = sum(not reload.taken for reload in operator.reloads)
    reload_times = [reload.end_s - reload.start_s for reload in operator.reloads]
    report.add_row(
        rate_hz=arguments.rate,
        duration_s=(run.measured[-1] - run.measured[0]) * 1e-9,
        ran=run.ran,
        sent=accounts.sent,
        labelled=accounts.labelled,
        dropped=sum(accounts.dropped.values()),
        uncounted=uncounted,
        reloads=len(operator.reloads),
        refused=refused,
        memory_growth_mb=grown,
        memory_growth_since_start_mb=operator.memory_growth(0),
        memory_end_mb=operator.memory[-1].resident,
        memory_peak_mb=operator.memory[-1].peak,
        **percentiles(run.latencies_ms(), "latency"),
        **percentiles(reload_times, "reload", "s"),
        frames=accounts.as_dict(),
        reload_details=[
            {
                "bundle": reload.bundle.kind,
                "taken": reload.taken,
                "duration_s": reload.end_s - reload.start_s,
                "message": reload.message.replace(folder, "<scratch>"),
            }
            for reload in operator.reloads
        ],
        resident_mb=[sample.resident for sample in operator.memory[:: round(5 / _SAMPLE_S)]],
    )
    report.require("frames uncounted", uncounted, at_most=0)
    wrong = operator.wrong_reloads()
    for text in wrong:
        report.add_note(text.replace(folder, "<scratch>"))
    report.require("reloads that did not end as they should", len(wrong), at_most=0)
    if len(operator.reloads) > KINDS:
        report.require("memory growth MB", grown, at_most=MEMORY_BOUND_MB)
    else:
        report.add_note(f"too few reloads to judge the memory: it takes more than {KINDS}")
    return report.finish(arguments.out, COLUMNS)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default=DEFAULT_BUNDLE)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--size", type=image_size, default=(640, 480), help="of the images")
    parser.add_argument("--rate", type=float, default=10.0, help="frames per second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=600.0, help="(%(default)s)")
    parser.add_argument(
        "--reload-every",
        type=float,
        default=30.0,
        help="seconds from one to the next (%(default)s)",
    )
    add_out_argument(parser, NAME)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
