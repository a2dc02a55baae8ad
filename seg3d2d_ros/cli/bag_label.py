# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``seg3d2d bag label``: a bag with labels for every image."""

from __future__ import annotations

import argparse
import sys
import time

from seg3d2d_ros.bag.frame_source import FrameSourceError
from seg3d2d_ros.bag.labelling import BagLabelError, label_bag
from seg3d2d_ros.bag.parallel_parsing import parsers_side_by_side
from seg3d2d_ros.bag.rosbag_source import RosbagSource
from seg3d2d_ros.bundle import ModelBundle, resolve_bundle
from seg3d2d_ros.bundle_files import BundleError
from seg3d2d_ros.cli.progress import Progress
from seg3d2d_ros.parser import ParserConfig, ParserError

REPORTED_ERRORS = (BagLabelError, BundleError, FrameSourceError, ParserError)


def run(arguments: argparse.Namespace) -> int:
    """Write the bag. Exit status 1 if an image has no labels in it, or messages were missing."""
    if not arguments.source.exists():
        raise FrameSourceError(f"{arguments.source} does not exist; give a rosbag2 recording")
    source = RosbagSource(arguments.source, arguments.topic)
    bundle = ModelBundle.load(resolve_bundle(arguments.bundle))
    config = ParserConfig(
        arguments.backend, arguments.device, arguments.precision, arguments.threads
    )
    progress = Progress("labelling", len(source))
    start = time.monotonic()
    parser, *beside = parsers_side_by_side(bundle, config)
    done = label_bag(
        source,
        arguments.out,
        parser,
        beside=beside,
        label_topic=arguments.label_topic,
        watch=progress.update,
    )
    progress.finish(done.images)
    print(
        f"{done.labelled} of {done.images} images of {source.topic} labelled in "
        f"{time.monotonic() - start:.1f} s"
        + (f", {done.resumed} of them before" if done.resumed else "")
        + f": {arguments.out}, topic {arguments.label_topic}"
    )
    for fault in done.faults:
        sys.stderr.write(f"seg3d2d: image {fault.name} has no labels: {fault.reason}\n")
    for topic, count in done.missing.items():
        sys.stderr.write(
            f"seg3d2d: {count} messages on {topic} were not copied: metadata.yaml of "
            f"{arguments.source} counts them, its files do not hold them\n"
        )
    return 1 if done.faults or done.missing else 0
