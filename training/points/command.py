# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb ``points``: 3D networks are trained, measured, exported, and make features."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path

from training.argument_types import text_file
from training.engine import train_command
from training.points import features_command


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb and its sub-verbs."""
    points = verbs.add_parser("points", help="3D networks: train, evaluate, export, features")
    parts = points.add_subparsers(dest="points_verb", required=True)
    _add_train(parts)
    _add_evaluate(parts)
    _add_export(parts)
    features_command.add_parser(parts)


def _add_train(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    train = parts.add_parser("train", help="train a 3D network; goes on where a run stopped")
    train_command.add_options(train, "config/experiments/points")
    train.set_defaults(run=_train)


def _add_evaluate(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = parts.add_parser(
        "evaluate",
        help="measure a run or a point model on the points of whole scenes",
        description="Every labelled point of a prepared data set's scans counts once.",
    )
    evaluate.add_argument("model", type=Path, help="run folder or point model")
    evaluate.add_argument("data", type=Path, help="folder that prepare wrote")
    evaluate.add_argument("--split", default="val", help="(%(default)s)")
    evaluate.add_argument(
        "--out", type=Path, help="folder for metrics.json, confusion.csv and report.html"
    )
    evaluate.add_argument("--device", default="cpu", help="cpu or cuda")
    evaluate.set_defaults(run=_evaluate)


def _add_export(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    export = parts.add_parser("export", help="write a run as a point model")
    export.add_argument("run_folder", type=Path, metavar="run", help="run folder")
    export.add_argument("model", type=Path, help="folder to write; its name becomes the model's")
    export.add_argument("--remarks", type=text_file, help="Markdown for the model card")
    export.add_argument("--device", default="cpu", help="where it is measured: cpu or cuda")
    export.set_defaults(run=_export)


def _train(arguments: argparse.Namespace) -> int:
    from training.points.experiment import load_point_experiment
    from training.points.trainer import PointTrainer

    experiment = load_point_experiment(arguments.experiment, arguments.set)
    return train_command.train(
        arguments, experiment.name, lambda folder, device: PointTrainer(experiment, folder, device)
    )


def _evaluate(arguments: argparse.Namespace) -> int:
    from training.points.evaluation_run import evaluate_point_model

    metrics = evaluate_point_model(
        arguments.model,
        arguments.data,
        arguments.split,
        out=arguments.out,
        device=arguments.device,
    )
    print(json.dumps(metrics, indent=2))
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from training.points.export import export_point_run

    description = export_point_run(
        arguments.run_folder,
        arguments.model,
        command=shlex.join(["python", "-m", "training", *arguments.words]),
        remarks=arguments.remarks or "",
        device=arguments.device,
    )
    metrics = description.metrics
    print(f"{arguments.model}: mIoU {metrics['miou']} % on {metrics['data']}")
    return 0
