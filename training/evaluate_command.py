# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb ``evaluate``: its options, and the test that they stand for."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.argument_types import count

if TYPE_CHECKING:  # it imports PyTorch
    from training.evaluation_run import Protocol

_OF_PROTOCOL = {
    "robot": ("backend", "precision"),
    "whole": ("size", "flip"),
    "sliding": ("base_size", "scales", "crop", "flip", "windows"),
}
"""Options that belong to a protocol alone."""


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    evaluate = verbs.add_parser(
        "evaluate",
        help="measure a run or a bundle on a data set",
        description="Metrics of a run or a bundle at the size of the data set's images. The test "
        "'robot' is what the node does, 'whole' parses images resized to one size, as for the "
        "paper's Table 3, and 'sliding' averages overlapping windows at several scales, as for its "
        "other tables.",
    )
    evaluate.add_argument("model", type=Path, help="run folder or bundle")
    evaluate.add_argument(
        "data", type=Path, help="data set: prepared, or in ScanNet's frames layout"
    )
    evaluate.add_argument("--split", default="val")
    evaluate.add_argument(
        "--out", type=Path, help="folder for metrics.json, confusion.csv and report.html"
    )
    evaluate.add_argument(
        "--protocol", choices=list(_OF_PROTOCOL), default="robot", help="of the test (%(default)s)"
    )
    evaluate.add_argument(
        "--device", help="cpu or cuda (cpu; of a bundle under the test 'robot', what it finds)"
    )
    evaluate.add_argument("--backend", help="robot: of a bundle (auto)")
    evaluate.add_argument("--precision", help="robot: of a bundle (auto)")
    evaluate.add_argument(
        "--size",
        type=count,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="whole: to which images are resized (384 768)",
    )
    evaluate.add_argument("--base-size", type=count, help="sliding: longer side at scale 1 (1297)")
    evaluate.add_argument(
        "--scales", type=float, nargs="+", help="sliding: (0.5 0.75 1 1.25 1.5 1.75)"
    )
    evaluate.add_argument(
        "--crop",
        type=count,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="sliding: the window (473 473), of sides that the network takes",
    )
    evaluate.add_argument("--windows", type=count, help="sliding: parsed at a time (4)")
    evaluate.add_argument(
        "--flip",
        action=argparse.BooleanOptionalAction,
        help="whole, sliding: average with the mirrored picture (sliding does, whole does not)",
    )
    evaluate.set_defaults(run=_evaluate)


def chosen_protocol(arguments: argparse.Namespace) -> Protocol | None:
    """The test that options stand for; None for the robot's.

    Raises:
        ExperimentError: if an option is of another protocol, or a setting impossible.
    """
    from training.engine.settings import ExperimentError
    from training.engine.sliding_window import SlidingWindowConfig
    from training.engine.whole_image import WholeImageConfig

    own = _OF_PROTOCOL[arguments.protocol]
    options = {name for names in _OF_PROTOCOL.values() for name in names}
    given = {name: getattr(arguments, name) for name in sorted(options)}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in own:
            owners = [kind for kind, names in _OF_PROTOCOL.items() if name in names]
            raise ExperimentError(
                f"--{name.replace('_', '-')} is of the protocol {' or '.join(owners)}, not of "
                f"'{arguments.protocol}'; add --protocol {owners[0]}, or leave it out"
            )
    if arguments.protocol == "robot":
        return None
    settings: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in given.items()
    }
    if arguments.protocol == "whole":
        return WholeImageConfig(**settings)
    return SlidingWindowConfig(**settings)


def _evaluate(arguments: argparse.Namespace) -> int:
    from training.evaluation_run import evaluate_model

    metrics = evaluate_model(
        arguments.model,
        arguments.data,
        arguments.split,
        out=arguments.out,
        backend=arguments.backend or "auto",
        precision=arguments.precision or "auto",
        protocol=chosen_protocol(arguments),
        device=arguments.device,
    )
    print(json.dumps(metrics, indent=2))
    return 0
