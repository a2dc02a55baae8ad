# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""``seg3d2d model benchmark``: how long each backend takes for an image."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections import defaultdict

import cv2
import numpy as np

from seg3d2d_ros.bundle import ModelBundle, resolve_bundle
from seg3d2d_ros.bundle_files import BundleError
from seg3d2d_ros.cli import CommandError
from seg3d2d_ros.cli.model_backends import make_parsers
from seg3d2d_ros.cli.progress import Progress
from seg3d2d_ros.parser import ParseFailure, ParserError
from seg3d2d_ros.resizing import network_size

REPORTED_ERRORS = (BundleError, ParserError)


def run(arguments: argparse.Namespace) -> int:
    """Time the whole way from RGB array to labels at the image's size, backends in turn.

    Taking turns image by image spreads whatever else the machine does over all of them, so that
    their ratio holds on a busy machine too.
    """
    bundle = ModelBundle.load(resolve_bundle(arguments.bundle))
    width, height = arguments.size
    parsers, faults = make_parsers(bundle, arguments.threads)
    for reason in faults.values():
        sys.stderr.write(f"seg3d2d: {reason}\n")
    if not parsers:
        return 1
    image = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
    for parser in parsers.values():
        parser.warm_up(height, width)
    milliseconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    progress = Progress("timing", arguments.frames)
    for frame in range(arguments.frames):
        for key, parser in parsers.items():
            result = parser.parse(image)
            if isinstance(result, ParseFailure):
                raise CommandError(f"{' '.join(key)} fails: {result.reason}")
            milliseconds[key].append(result.timings.total_s * 1e3)
        progress.update(frame + 1)
    progress.finish(arguments.frames)
    medians = {key: float(np.median(values)) for key, values in milliseconds.items()}
    fastest = min(medians.values())
    metrics = {
        f"{backend}_{precision}": {
            "median_ms": round(medians[backend, precision], 2),
            "p95_ms": round(float(np.percentile(milliseconds[backend, precision], 95)), 2),
            "ratio": round(medians[backend, precision] / fastest, 2),
        }
        for backend, precision in parsers
    }
    network_height, network_width = network_size(bundle.input, height, width)
    content = {
        "name": bundle.name,
        "hash": bundle.hash,
        "machine": platform.processor() or platform.machine(),
        "image": f"{width}x{height}",
        "network_input": f"{network_width}x{network_height}",
        "frames": arguments.frames,
        "threads": arguments.threads,
        "metrics": metrics,
    }
    if arguments.json:
        print(json.dumps(content, indent=2))
        return 0
    print(
        f"{bundle.name}, images of {content['image']} seen at {content['network_input']}, "
        f"{arguments.frames} each"
    )
    print(f"  {'backend':18} {'median ms':>9} {'p95 ms':>9} {'x fastest':>9}")
    for name, row in metrics.items():
        print(f"  {name:18} {row['median_ms']:9.2f} {row['p95_ms']:9.2f} {row['ratio']:9.2f}")
    return 0
