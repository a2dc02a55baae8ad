# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A camera at 30 Hz and the parse node on this machine: what is parsed, and how late it is.

``python bench/live_camera.py [--bundle B] [--precision P ...] [--rate 30] [--seconds 20]``

The camera (``seg3d2d bag play``), the node and this listener, which takes the labels, are three
processes that share the cores; nothing else should run. Each precision is measured in turn,
twice, and the ratio of their latencies is printed. Writes bench/results/live_camera.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from seg3d2d_ros.cli.arguments import DEFAULT_BUNDLE
from seg3d2d_ros.demo.processes import ModuleProcess, private_ros_environment

ROOT = Path(__file__).resolve().parent.parent
RECORDING = ROOT / "recordings" / "living_room"
RESULT = Path(__file__).parent / "results" / "live_camera.json"
START_TIMEOUT_S = 90.0


def main() -> None:
    arguments = parse_arguments()
    os.environ.update(private_ros_environment())
    import rclpy

    rclpy.init(args=[])
    rounds = [measure(arguments, precision) for _ in range(2) for precision in arguments.precision]
    rclpy.shutdown()
    rows = []
    for precision in arguments.precision:
        both = [row for row in rounds if row["precision"] == precision]
        rows.append({key: merged([row[key] for row in both]) for key in both[0]})
    first = rows[0]["latency_p50_ms"]
    print(f"{'':10} {'sent':>5} {'parsed':>7} {'p50 ms':>7} {'p95 ms':>7} {'p99 ms':>7} ratio")
    for row in rows:
        row["ratio_p50"] = round(row["latency_p50_ms"] / first, 2)
        print(
            f"{row['precision']:10} {row['sent']:5} {row['parsed']:7} {row['latency_p50_ms']:7.1f} "
            f"{row['latency_p95_ms']:7.1f} {row['latency_p99_ms']:7.1f} {row['ratio_p50']:5.2f}"
        )
    machine = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    content = {"machine": machine, "rate_hz": arguments.rate, "image": "640x480", "rows": rows}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(content, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", default=DEFAULT_BUNDLE)
    parser.add_argument("--precision", nargs="+", default=["auto"])
    parser.add_argument("--rate", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    return parser.parse_args()


def merged(values: list) -> object:
    """Counts add up, times are averaged, words stay."""
    if isinstance(values[0], dict):
        return {key: sum(value.get(key, 0) for value in values) for key in set().union(*values)}
    if isinstance(values[0], int):
        return sum(values)
    return round(statistics.mean(values), 2) if isinstance(values[0], float) else values[0]


def measure(arguments: argparse.Namespace, precision: str) -> dict:
    """One run of the camera; latencies from its stamp to the label's arrival here, ms."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from sensor_msgs.msg import Image

    frames = round(arguments.rate * arguments.seconds)
    listener = rclpy.create_node("bench_listener")
    latencies: list[float] = []
    diagnostics: dict[str, str] = {}

    def on_label(message: Image) -> None:
        stamp = message.header.stamp
        now = listener.get_clock().now().nanoseconds
        latencies.append((now - stamp.sec * 10**9 - stamp.nanosec) * 1e-6)

    def on_diagnostics(message: DiagnosticArray) -> None:
        for status in message.status:
            diagnostics.update({entry.key: entry.value for entry in status.values})

    listener.create_subscription(Image, "/parse/label", on_label, 10)
    listener.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 10)

    def spin_until(done: Callable[[], bool], timeout_s: float) -> None:
        end = time.monotonic() + timeout_s
        while not done():
            rclpy.spin_once(listener, timeout_sec=0.05)
            if time.monotonic() > end:
                raise TimeoutError(f"nothing after {timeout_s} s; last diagnostics: {diagnostics}")

    with tempfile.TemporaryDirectory() as scratch:
        logs = Path(scratch)
        node_arguments = ["--ros-args", "-r", "image:=/camera/image"]
        for name, value in (
            ("bundle", arguments.bundle),
            ("precision", precision),
            ("diagnostics_period", "0.5"),
        ):
            node_arguments += ["-p", f"{name}:={value}"]
        camera_arguments = ["bag", "play", str(RECORDING), "--loop", "--json"]
        camera_arguments += ["--rate", str(arguments.rate), "--frames", str(frames)]
        camera_arguments += ["--wait-for-subscribers", "1"]
        with ModuleProcess(
            "the node", "seg3d2d_ros.parse_node", node_arguments, logs / "node.log"
        ) as node:
            spin_until(
                lambda: diagnostics.get("state") == "active" or node.exit_status is not None,
                START_TIMEOUT_S,
            )
            if node.exit_status is not None:
                raise SystemExit(node.describe_end())
            with ModuleProcess(
                "the camera",
                "seg3d2d_ros.cli",
                camera_arguments,
                logs / "camera.log",
                logs / "camera.json",
            ) as camera:
                spin_until(lambda: camera.exit_status is not None, 3 * arguments.seconds + 60)
                if camera.exit_status:
                    raise SystemExit(camera.describe_end())
                played = json.loads((logs / "camera.json").read_text())
            diagnostics.clear()
            spin_until(lambda: diagnostics.get("pending") == "0", 10.0)
    listener.destroy_node()
    p50, p95, p99 = np.percentile(latencies, (50, 95, 99)).tolist()
    drops = {k: int(v) for k, v in diagnostics.items() if k.startswith("dropped_") and int(v)}
    received, parsed = int(diagnostics["received"]), int(diagnostics["parsed"])
    if received != parsed + sum(drops.values()):
        raise SystemExit(f"frames are not accounted for: {diagnostics}")
    return {
        "precision": precision,
        "ran": f"{diagnostics['backend']} {diagnostics['precision']}",
        "bundle": f"{diagnostics['bundle']} {diagnostics['bundle_hash'][:12]}",
        "sent": int(played["frames_sent"]),
        "received": received,
        "parsed": parsed,
        "labels": len(latencies),
        "drops": drops,
        "parsed_per_s": parsed / arguments.seconds,
        "latency_p50_ms": p50,
        "latency_p95_ms": p95,
        "latency_p99_ms": p99,
    }


def processor() -> str:
    """The processor's name and which vector arithmetic it has."""
    text = Path("/proc/cpuinfo").read_text()
    name = next((line for line in text.splitlines() if line.startswith("model name")), ":unknown")
    have = [f for f in ("avx2", "avx512_vnni", "avx512_bf16", "amx_bf16") if f" {f} " in text]
    return f"{name.partition(':')[2].strip()} ({', '.join(have)})"


if __name__ == "__main__":
    main()
