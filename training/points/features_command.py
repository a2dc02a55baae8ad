# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb `points features`: what a 3D network says of every point of a data set's scans."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.argument_types import count, factor
from training.provenance import command_recorded


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    features = verbs.add_parser(
        "features",
        help="write the features that a 3D network gives the points of scans",
        description="Runs a point model over the scans of a prepared data set and writes for each "
        "scene a feature of each point, the channels' mean and variance over the training scenes "
        "and the network's classifier, for 2D networks to learn from. Goes on where it was "
        "interrupted. Exit status 1 where a scene can't be used.",
    )
    features.add_argument("model", type=Path, help="folder of a point model")
    features.add_argument("prepared", type=Path, help="folder that prepare wrote")
    features.add_argument("--out", type=Path, required=True, help="folder to write to")
    features.add_argument(
        "--split",
        action="append",
        default=[],
        help="train, val or test, may be given several times; all of them where it is not given",
    )
    features.add_argument(
        "--workers",
        type=count,
        help="processes, each of one thread (1); with --ray scenes at a time (the CPUs of the "
        "cluster)",
    )
    features.add_argument(
        "--ray", metavar="ADDRESS", help="of a Ray cluster whose machines see the same files"
    )
    features.add_argument(
        "--device", default="cpu", help="to run the network on: cpu, cuda, cuda:1 (%(default)s)"
    )
    features.add_argument(
        "--scale",
        type=factor,
        default=1.0,
        metavar="FACTOR",
        help="multiplies the features and divides the classifier's weight, for a network whose "
        "features are beyond what float16 holds; a power of two, such as 0.25, loses nothing "
        "(%(default)s)",
    )
    features.set_defaults(run=_features)


def _features(arguments: argparse.Namespace) -> int:
    from training.points.features.extract_features import extract_features

    with command_recorded(arguments.out, arguments.words):
        report = extract_features(
            arguments.model,
            arguments.prepared,
            arguments.out,
            splits=arguments.split,
            workers=arguments.workers,
            ray_address=arguments.ray,
            device=arguments.device,
            scale=arguments.scale,
        )
    print(report.text())
    return 1 if report.defects else 0
