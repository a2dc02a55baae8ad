# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What the parse node adds to the time of its backend."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from bench.live_session import CameraSettings, LiveRun, NodeUnderTest, private_domain, run_live
from bench.recorded_images import image_size
from bench.report import Report, add_out_argument, percentiles
from seg3d2d_ros.bundle import resolve_bundle
from seg3d2d_ros.cli.arguments import DEFAULT_BUNDLE

NAME = "node_overhead"
MEASURED = """The parse node on a camera that leaves it time for every frame, three processes on one
machine. overhead: from the entry of the image's callback to the return of the label's publish, less
the backend's time on the same frame; it holds take_over (callback, hand-over to the worker thread,
decoding), preprocess (to the network's size), postprocess (labels to the image's size) and publish
(label message, publish call). Transport apart: transport_in is from the camera's stamp to the
callback's entry, transport_out from the return of publish to the arrival at this consumer. Sizes
take turns, round by round; overhead_by_backend is the ratio of the two medians of the same
frames."""

BOUND_MS = 3.0
BOUND_SIZE = (640, 480)
PARTS = ("take_over", "preprocess", "postprocess", "publish")

COLUMNS = {
    "size": "size",
    "ran": "ran",
    "frames_timed": "frames",
    "overhead_p50_ms": "overhead p50 ms",
    "overhead_p95_ms": "p95 ms",
    "overhead_p99_ms": "p99 ms",
    **{f"{part}_p50_ms": part for part in PARTS},
    "backend_p50_ms": "backend",
    "overhead_by_backend": "ratio",
    "transport_in_p50_ms": "in",
    "transport_out_p50_ms": "out",
    "uncounted": "uncounted",
}

Sample = dict[str, float]


def main() -> int:
    """Measure. Returns the exit status."""
    arguments = parse_arguments()
    report = Report(NAME, MEASURED, vars(arguments))
    runs: dict[tuple[int, int], list[tuple[LiveRun, list[Sample]]]] = defaultdict(list)
    with private_domain():
        for number in range(arguments.rounds):
            sizes = arguments.sizes if number % 2 == 0 else arguments.sizes[::-1]
            for size in sizes:
                runs[size].append(measure(arguments, size))
    for size in arguments.sizes:
        add_row(report, size, runs[size])
    return report.finish(arguments.out, COLUMNS)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default=DEFAULT_BUNDLE)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--sizes", nargs="+", type=image_size, default=[(640, 480), (1920, 1080)])
    parser.add_argument("--rate", type=float, default=10.0, help="frames per second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each run (%(default)s)")
    parser.add_argument("--rounds", type=int, default=4, help="(%(default)s)")
    parser.add_argument(
        "--warm-up", type=int, default=8, help="frames sent first, slowly (%(default)s)"
    )
    add_out_argument(parser, NAME)
    return parser.parse_args()


def measure(arguments: argparse.Namespace, size: tuple[int, int]) -> tuple[LiveRun, list[Sample]]:
    """One run: what was seen from outside, and the node's times of its measured frames."""
    camera = CameraSettings(
        width=size[0],
        height=size[1],
        rate=arguments.rate,
        frames=round(arguments.rate * arguments.seconds),
        warm_up=arguments.warm_up,
    )
    with tempfile.TemporaryDirectory(prefix="seg3d2d-bench-") as folder:
        file = Path(folder) / "samples.json"
        node = NodeUnderTest(
            "the parse node",
            module="bench.timed_parse_node",
            parameters=(
                ("bundle", str(resolve_bundle(arguments.bundle).resolve())),
                ("precision", arguments.precision),
            ),
            arguments=("--samples", str(file)),
        )
        run = run_live(node, camera)
        measured = set(run.measured)
        samples = json.loads(file.read_text(encoding="utf-8"))
        return run, [sample for sample in samples if sample["stamp_ns"] in measured]


def add_row(
    report: Report, size: tuple[int, int], runs: list[tuple[LiveRun, list[Sample]]]
) -> None:
    """Row and bounds of one image size."""
    samples = [sample for _, of_run in runs for sample in of_run]
    arrivals = {stamp: now for run, _ in runs for stamp, now in run.arrivals}
    accounts = [run.accounts() for run, _ in runs]
    uncounted = sum(account.uncounted for account in accounts)
    overhead = percentiles([s["total_ms"] - s["backend_ms"] for s in samples], "overhead")
    backend = percentiles([s["backend_ms"] for s in samples], "backend")
    median, backend_median = overhead["overhead_p50_ms"], backend["backend_p50_ms"]
    transport_in = [(s["entry_ns"] - s["stamp_ns"]) * 1e-6 for s in samples]
    transport_out = [
        (arrivals[int(s["stamp_ns"])] - s["end_ns"]) * 1e-6
        for s in samples
        if s["stamp_ns"] in arrivals
    ]
    parts: dict[str, float | None] = {}
    for part in PARTS:
        parts |= percentiles([s[f"{part}_ms"] for s in samples], part)
    title = f"{size[0]}x{size[1]}"
    report.add_row(
        size=title,
        ran=runs[0][0].ran,
        frames_timed=len(samples),
        **overhead,
        **parts,
        **backend,
        overhead_by_backend=median / backend_median if median and backend_median else None,
        **percentiles(transport_in, "transport_in"),
        **percentiles(transport_out, "transport_out"),
        uncounted=uncounted,
        frames=[account.as_dict() for account in accounts],
    )
    report.require(f"frames uncounted, {title}", uncounted, at_most=0)
    timed = {int(sample["stamp_ns"]) for sample in samples}
    missed = len({s for run, _ in runs for s in run.measured if s in arrivals} - timed)
    report.require(f"labelled frames not timed, {title}", missed, at_most=0)
    if size == BOUND_SIZE:
        report.require(f"overhead p50 ms, {title}", median, at_most=BOUND_MS)


if __name__ == "__main__":
    sys.exit(main())
