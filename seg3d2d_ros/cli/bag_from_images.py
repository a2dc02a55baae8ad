# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``seg3d2d bag from-images``: a recording from image files."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator

from seg3d2d_ros.bag.frame_source import Frame, FrameSourceError, open_frame_source
from seg3d2d_ros.bag.writer import BagWriteError, write_bag
from seg3d2d_ros.cli.progress import Progress

REPORTED_ERRORS = (BagWriteError, FrameSourceError)


def run(arguments: argparse.Namespace) -> int:
    """Write the bag. Exit status 1 if an image was left out because it could not be read."""
    source = open_frame_source(arguments.source, rate=arguments.rate)
    total = min(len(source), arguments.frames) if arguments.frames else len(source)
    count = write_bag(
        arguments.out,
        _shown(itertools.islice(source, arguments.frames), Progress("writing", total)),
        source.calibration,
        jpeg_quality=arguments.quality,
    )
    megabytes = sum(file.stat().st_size for file in arguments.out.iterdir()) / 1e6
    print(f"{count} frames written to {arguments.out} ({megabytes:.1f} MB)")
    for fault in source.faults:
        sys.stderr.write(f"seg3d2d: {fault.name} left out: {fault.reason}\n")
    return 1 if source.faults else 0


def _shown(frames: Iterator[Frame], progress: Progress) -> Iterator[Frame]:
    count = 0
    for count, frame in enumerate(frames, start=1):
        progress.update(count)
        yield frame
    progress.finish(count)
