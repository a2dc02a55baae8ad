# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb `project`: find which points of the scans each frame shows."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.argument_types import count
from training.provenance import command_recorded

RULES = ("auto", "depth", "mesh")


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    project = verbs.add_parser(
        "project",
        help="find which points of the scans each frame shows",
        description="Projects the scans of a prepared data set into its frames and writes for "
        "each scene which points each frame shows and where, coverage.json and report.html. Goes "
        "on where it was interrupted.",
    )
    project.add_argument("prepared", type=Path, help="folder that prepare wrote")
    project.add_argument(
        "--out",
        type=Path,
        help="folder to write to; <prepared>/visible_points, with --legacy <prepared>/legacy_maps",
    )
    project.add_argument("--split", help="train, val or test; all of them where it is not given")
    project.add_argument(
        "--rule",
        choices=RULES,
        default="auto",
        help="what decides that a point is not hidden: the frame's depth image, the scan's mesh, "
        "or auto: depth where there is one, else the mesh (%(default)s)",
    )
    project.add_argument(
        "--tolerance",
        nargs=2,
        type=_share,
        metavar=("METRES", "SHARE"),
        help="a point may lie so many metres, or this share of the depth, from the measured one; "
        "the larger counts (0.04 0)",
    )
    project.add_argument(
        "--legacy",
        action="store_true",
        help="the rule of the published distillation code instead, to compare with",
    )
    project.add_argument(
        "--workers",
        type=count,
        help="processes (1); with --ray scenes at a time (the CPUs of the cluster)",
    )
    project.add_argument(
        "--ray", metavar="ADDRESS", help="of a Ray cluster whose machines see the same files"
    )
    project.set_defaults(run=_project, refuse=project.error)


def _project(arguments: argparse.Namespace) -> int:
    if arguments.legacy and (arguments.rule != "auto" or arguments.tolerance is not None):
        arguments.refuse("--rule and --tolerance are not for --legacy, which is a rule of its own")
    from training.projection.depth_test import DepthTolerance
    from training.projection.project_scenes import project_scenes
    from training.projection.scene_points import VISIBLE_POINTS
    from training.projection.scene_projection import ProjectionRule

    tolerance = DepthTolerance(*(arguments.tolerance or ()))
    folder = "legacy_maps" if arguments.legacy else VISIBLE_POINTS
    out = arguments.out or arguments.prepared / folder
    with command_recorded(out, arguments.words):
        projected = project_scenes(
            arguments.prepared,
            out,
            ProjectionRule(arguments.rule, tolerance, arguments.legacy),
            split=arguments.split,
            workers=arguments.workers,
            ray_address=arguments.ray,
        )
    print(projected.text())
    return 0


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 0 up")
    return value
