# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb ``probe-depth``: how much of depth the layers of a trained network hold."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.argument_types import count


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    probe = verbs.add_parser(
        "probe-depth",
        help="measure how much of depth each layer of a run's network holds",
        description="Freezes the network, trains one and the same decoder on each layer's "
        "features to tell depth, and compares it with the measured depth of the val split by "
        "structural similarity (Section 4.5 of the paper). Goes on after the last finished layer.",
    )
    probe.add_argument("run_folder", type=Path, metavar="run", help="run folder")
    probe.add_argument("--out", type=Path, help="folder to write to (RUN/depth_probe)")
    probe.add_argument("--data", type=Path, help="prepared data set with depth (the run's)")
    probe.add_argument("--layers", nargs="+", default=[], help="(all; an unknown one lists them)")
    probe.add_argument(
        "--size",
        type=count,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="of the images (the run's input size)",
    )
    probe.add_argument("--steps", type=count, default=2000, help="for each layer (%(default)s)")
    probe.add_argument("--batch", type=count, default=8, help="frames a step (%(default)s)")
    probe.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    probe.add_argument(
        "--train-frames", type=count, default=1000, help="at most, kept in memory (%(default)s)"
    )
    probe.add_argument("--val-frames", type=count, default=500, help="likewise (%(default)s)")
    probe.add_argument("--shown", type=count, default=4, help="frames to draw (%(default)s)")
    probe.add_argument("--device", default="cpu", help="cpu or cuda (%(default)s)")
    probe.set_defaults(run=_probe)


def _probe(arguments: argparse.Namespace) -> int:
    from training.distillation.depth_probe import ProbeConfig
    from training.distillation.probe_run import PICTURE, RESULT, probe_run
    from training.engine.settings import ExperimentError

    if arguments.seed < 0:
        raise ExperimentError(f"--seed is {arguments.seed}, it must be at least 0")
    out = arguments.out or arguments.run_folder / "depth_probe"
    result = probe_run(
        arguments.run_folder,
        out,
        data=arguments.data,
        layers=arguments.layers,
        size=tuple(arguments.size) if arguments.size else None,
        train_frames=arguments.train_frames,
        val_frames=arguments.val_frames,
        shown=arguments.shown,
        config=ProbeConfig(steps=arguments.steps, batch=arguments.batch, seed=arguments.seed),
        device=arguments.device,
    )
    widest = max(len(each["layer"]) for each in result["layers"])
    for each in result["layers"]:
        print(
            f"{each['layer']:{widest}}  SSIM {each['ssim']:.3f}  log error {each['log_error']:.3f}"
        )
    print(f"{out / RESULT}, {out / PICTURE}")
    return 0
