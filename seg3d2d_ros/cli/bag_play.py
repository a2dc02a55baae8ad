# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``seg3d2d bag play``: a recording as a camera."""

from __future__ import annotations

import argparse
import json
import sys

from seg3d2d_ros.bag.frame_source import FrameSourceError, open_frame_source
from seg3d2d_ros.bag.player import PlayError, PlayOptions, play

REPORTED_ERRORS = (FrameSourceError, PlayError)


def run(arguments: argparse.Namespace) -> int:
    """Play. Exit status 1 if a frame was left out because it could not be read."""
    source = open_frame_source(arguments.source, arguments.topic)
    options = PlayOptions(
        rate=arguments.rate,
        size=arguments.size,
        frames=arguments.frames,
        loop=arguments.loop,
        subscribers=arguments.subscribers,
    )
    report = play(source, options, arguments.ros_args)
    if arguments.json:
        content = {
            "frames_sent": report.frames_sent,
            "duration_s": round(report.duration_s, 3),
            "rate_hz": round(report.rate_hz, 2),
            "worst_delay_ms": round(report.worst_delay_s * 1e3, 1),
            "faults": [{"name": f.name, "reason": f.reason} for f in source.faults],
        }
        print(json.dumps(content))
    else:
        print(
            f"{report.frames_sent} frames sent in {report.duration_s:.1f} s "
            f"({report.rate_hz:.1f} Hz, at most {report.worst_delay_s * 1e3:.0f} ms late)"
        )
        for fault in source.faults:
            sys.stderr.write(f"seg3d2d: {fault.name} left out: {fault.reason}\n")
    return 1 if source.faults else 0
