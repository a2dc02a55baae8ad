# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The parse node with a clock at its ends: an image's callback begins, its labels have left.

Nothing of the node is replaced; ROS's callback, the parsing and the label's publisher are called
through functions that note the time. ``--samples FILE`` names the file for the times.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import Image

from seg3d2d_ros import parse_node
from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.parser import ParseFailure, ParseResult

_SAMPLES: list[dict[str, float]] = []


class TimedParseNode(parse_node.ParseNode):
    """Notes the times of every image."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, int], tuple[float, int]] = {}
        self._parse_start = self._parse_end = 0.0
        self._result: ParseResult | ParseFailure | None = None
        super().__init__()

    def create_subscription(
        self, msg_type: Any, topic: str, callback: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """As of any node; the callback of images notes when it began."""
        if msg_type is Image:
            callback = self._noting_entry(callback)
        return super().create_subscription(msg_type, topic, callback, *args, **kwargs)

    def create_lifecycle_publisher(
        self, msg_type: Any, topic: str, *args: Any, **kwargs: Any
    ) -> Any:
        """As of any lifecycle node; the publisher of labels notes when it was done."""
        publisher = super().create_lifecycle_publisher(msg_type, topic, *args, **kwargs)
        if topic == "~/label":
            publisher.publish = self._noting_end(publisher.publish)
        return publisher

    def _noting_entry(self, callback: Callable[[Any], None]) -> Callable[[Any], None]:
        def noting(msg: Any) -> None:
            stamp = msg.header.stamp
            self._entries[stamp.sec, stamp.nanosec] = time.perf_counter(), time.time_ns()
            callback(msg)

        return noting

    def _parse(self, image: npt.NDArray[np.uint8]) -> ParseResult | ParseFailure:
        self._parse_start = time.perf_counter()
        self._result = super()._parse(image)
        self._parse_end = time.perf_counter()
        return self._result

    def _noting_end(self, publish: Callable[[Any], None]) -> Callable[[Any], None]:
        def noting(msg: Any) -> None:
            publish(msg)
            end, end_ns = time.perf_counter(), time.time_ns()
            stamp = msg.header.stamp
            entry, entry_ns = self._entries.pop((stamp.sec, stamp.nanosec))
            assert isinstance(self._result, ParseResult)  # else nothing would be published
            timings = self._result.timings
            _SAMPLES.append(
                {
                    "stamp_ns": stamp.sec * 10**9 + stamp.nanosec,
                    "entry_ns": entry_ns,
                    "end_ns": end_ns,
                    "total_ms": (end - entry) * 1e3,
                    "backend_ms": timings.backend_s * 1e3,
                    "take_over_ms": (self._parse_start - entry) * 1e3,
                    "preprocess_ms": timings.preprocess_s * 1e3,
                    "postprocess_ms": timings.postprocess_s * 1e3,
                    "publish_ms": (end - self._parse_end) * 1e3,
                }
            )

        return noting


def main() -> int:
    """Run the node until SIGINT or SIGTERM, then write the times. Returns the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=Path, required=True)
    position = sys.argv.index("--ros-args")
    arguments = parser.parse_args(sys.argv[1:position])
    # the node's own main, so that all around it is as users have it
    parse_node.ParseNode = TimedParseNode  # type: ignore[misc]
    status = parse_node.main(sys.argv[position:])
    write_file(arguments.samples, json.dumps(_SAMPLES).encode())
    return status


if __name__ == "__main__":
    sys.exit(main())
