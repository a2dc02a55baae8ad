# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb `inspect`: look at one scene of a prepared data set."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.argument_types import count


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    inspect = verbs.add_parser(
        "inspect",
        help="look at one scene of a prepared data set, in a browser",
        description="Writes a page with the scene in 3D, its cameras, and for some frames the "
        "image, labels, depth and projected points. It needs no network; its folder can be copied.",
    )
    inspect.add_argument("prepared", type=Path, help="folder that `prepare` has written")
    inspect.add_argument("scene", help="name of the scene; an unknown one lists some")
    inspect.add_argument("--out", type=Path, help="folder to write to (PREPARED/inspect/SCENE)")
    inspect.add_argument(
        "--frames", type=count, default=12, help="how many to show, evenly spread (%(default)s)"
    )
    inspect.add_argument(
        "--rerun",
        action="store_true",
        help="also write scene.rrd, a recording for the Rerun viewer (pip install rerun-sdk)",
    )
    inspect.set_defaults(run=_inspect)


def _inspect(arguments: argparse.Namespace) -> int:
    try:
        from training.inspection.inspect_scene import inspect_scene
    except ModuleNotFoundError as error:
        print(
            f"error: {error.name} is not installed; pip install plotly open3d scipy",
            file=sys.stderr,
        )
        return 1
    out = arguments.out or arguments.prepared / "inspect" / arguments.scene.replace("/", "_")
    done = inspect_scene(
        arguments.prepared,
        arguments.scene,
        out,
        frames=arguments.frames,
        rerun=arguments.rerun,
    )
    frames = "1 frame" if done.frames == 1 else f"{done.frames} frames"
    print(f"{done.page}: {frames}, {done.size / 1e6:.1f} MB with its pictures")
    if done.recording is not None:
        print(f"{done.recording}: open it with 'rerun {done.recording}'")
    return 0
