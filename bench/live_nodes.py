# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The parse node on a live camera, beside nodes that do everything in the image's callback."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.camera import TRANSPORTS
from bench.live_session import CameraSettings, LiveRun, NodeUnderTest, private_domain, run_live
from bench.plain_node import LABEL_TOPIC
from bench.recorded_images import image_size
from bench.report import Report, add_out_argument, percentiles
from seg3d2d_ros.bundle import resolve_bundle
from seg3d2d_ros.cli.arguments import DEFAULT_BUNDLE

NAME = "live_nodes"
MEASURED = """A camera at a steady rate, a node and this consumer of its labels, three processes on
one machine. delivered: part of the frames sent whose labels arrived. latency: from the camera's
stamp to the label's arrival. The plain nodes run the same model in the callback of a subscription
with sensor QoS (best effort, depth 5); 'default transports' means that neither camera nor node has
set anything, 'our transports' that both have what the parse node sets (a shared-memory segment of
16 MB, malloc keeps freed memory). Sizes and nodes take turns, round by round; ratio: median over
the rounds of a node's median latency by the first parse node's of the same round and size.
frames: of all rounds with the warm-up's; lost_before_node is lost by the middleware or pushed out
of a subscription's queue, dropped is what the node counted itself."""

COLUMNS = {
    "size": "size",
    "node": "node",
    "ran": "ran",
    "sent": "sent",
    "delivered": "delivered",
    "delivered_fraction": "part",
    "latency_p50_ms": "p50 ms",
    "latency_p95_ms": "p95 ms",
    "latency_p99_ms": "p99 ms",
    "ratio_p50": "ratio p50",
    "uncounted": "uncounted",
}

Runs = Mapping[str, Sequence[LiveRun]]
"""Runs of one image size by the node's title, in the order of the rounds."""


def main() -> int:
    """Measure. Returns the exit status."""
    arguments = parse_arguments()
    report = Report(NAME, MEASURED, vars(arguments))
    nodes = nodes_under_test(str(resolve_bundle(arguments.bundle).resolve()), arguments.precision)
    runs: dict[tuple[int, int], dict[str, list[LiveRun]]] = {
        size: {node.title: [] for node, _ in nodes} for size in arguments.sizes
    }
    with private_domain():
        for number in range(arguments.rounds):
            for size in arguments.sizes:
                # every other round backwards: what grows with time falls on all alike
                for node, transport in nodes if number % 2 == 0 else reversed(nodes):
                    camera = CameraSettings(
                        width=size[0],
                        height=size[1],
                        rate=arguments.rate,
                        frames=round(arguments.rate * arguments.seconds),
                        warm_up=arguments.warm_up,
                        transport=transport,
                    )
                    runs[size][node.title].append(run_live(node, camera))
    for size, of_size in runs.items():
        add_rows(report, f"{size[0]}x{size[1]}", of_size)
    return report.finish(arguments.out, COLUMNS)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default=DEFAULT_BUNDLE)
    parser.add_argument(
        "--precision", nargs="+", default=["auto"], help="of parse nodes; the first of the plain's"
    )
    parser.add_argument("--sizes", nargs="+", type=image_size, default=[(640, 480), (1920, 1080)])
    parser.add_argument("--rate", type=float, default=30.0, help="frames per second (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run (%(default)s)")
    parser.add_argument("--rounds", type=int, default=4, help="(%(default)s)")
    parser.add_argument(
        "--warm-up", type=int, default=8, help="frames sent first, slowly (%(default)s)"
    )
    add_out_argument(parser, NAME)
    return parser.parse_args()


def nodes_under_test(bundle: str, precisions: Sequence[str]) -> list[tuple[NodeUnderTest, str]]:
    """Nodes with the transports that their cameras use."""
    nodes = []
    for precision in precisions:
        title = "parse node" if len(precisions) == 1 else f"parse node {precision}"
        parameters = (("bundle", bundle), ("precision", precision))
        nodes.append((NodeUnderTest(title, parameters=parameters), "ours"))
    for transport in reversed(TRANSPORTS):
        words = "our transports" if transport == "ours" else "default transports"
        plain = NodeUnderTest(
            f"plain node, {words}",
            LABEL_TOPIC,
            "bench.plain_node",
            (("bundle", bundle), ("precision", precisions[0])),
            ("--transport", transport),
        )
        nodes.append((plain, transport))
    return nodes


def add_rows(report: Report, size: str, runs: Runs) -> None:
    """Rows and bounds of one image size."""
    base_medians = [median(run.latencies_ms()) for run in next(iter(runs.values()))]
    for title, of_node in runs.items():
        latencies = [latency for run in of_node for latency in run.latencies_ms()]
        sent = sum(len(run.measured) for run in of_node)
        ratios = [
            own / base
            for own, base in zip(
                (median(run.latencies_ms()) for run in of_node), base_medians, strict=True
            )
            if own is not None and base is not None
        ]
        frames = add_up([run.accounts().as_dict() for run in of_node])
        report.add_row(
            size=size,
            node=title,
            ran=of_node[0].ran,
            sent=sent,
            delivered=len(latencies),
            delivered_fraction=len(latencies) / sent,
            **percentiles(latencies, "latency"),
            ratio_p50=median(ratios),
            uncounted=frames["uncounted"],
            frames=frames,
            camera_worst_delay_ms=max(run.worst_delay_ms for run in of_node),
        )
        report.require(f"frames uncounted, {size}, {title}", frames["uncounted"], at_most=0)


def median(values: Sequence[float]) -> float | None:
    """The median, None without a value."""
    return float(np.median(values)) if len(values) else None


def add_up(counts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sums of equal counts; counts by reason are added reason by reason."""
    total: dict[str, Any] = {}
    for key, first in counts[0].items():
        values = [count[key] for count in counts]
        if isinstance(first, Mapping):
            reasons = sorted({reason for value in values for reason in value})
            total[key] = {r: sum(value.get(r, 0) for value in values) for r in reasons}
        else:
            total[key] = sum(values)
    return total


if __name__ == "__main__":
    sys.exit(main())
