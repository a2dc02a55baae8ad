# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The offline commands: ``python -m training <verb>``."""

from __future__ import annotations

import argparse
import errno
import importlib
import logging
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from training import evaluate_command
from training.argument_types import classes, count, rate, text_file
from training.distillation import probe_command
from training.engine import train_command
from training.provenance import own_commands


def _train(arguments: argparse.Namespace) -> int:
    from training.engine.experiment import load_experiment
    from training.kinds_of_training import trainer_of

    experiment = load_experiment(arguments.experiment, arguments.set)
    kind = trainer_of(experiment)
    return train_command.train(
        arguments, experiment.name, lambda folder, device: kind(experiment, folder, device)
    )


def _export(arguments: argparse.Namespace) -> int:
    from training.export import export_run

    bundle = export_run(
        arguments.run_folder,
        arguments.bundle,
        command=shlex.join(["python", "-m", "training", *arguments.words]),
        size=tuple(arguments.size) if arguments.size else None,
        remarks=arguments.remarks or "",
        int8=arguments.int8,
    )
    print(f"{bundle.path}: mIoU {bundle.metrics['miou']} % on {bundle.metrics['data']}")
    return 0


def _to_bag(arguments: argparse.Namespace) -> int:
    from seg3d2d_ros.labels import LabelSpace
    from training.scene_bag import write_scene_bag

    space = LabelSpace.load(arguments.label_space)
    done = write_scene_bag(
        arguments.scene, arguments.bag, space, source=arguments.source, rate=arguments.rate
    )
    print(f"{arguments.bag}: {done.frames} frames, {len(done.without_pose)} without a pose")
    return 0


def _statistics_2d(arguments: argparse.Namespace) -> int:
    from training.distillation.measure_statistics_2d import measure_statistics_2d

    out = arguments.out or arguments.run_folder / "statistics_2d.json"
    mean, std = measure_statistics_2d(
        arguments.run_folder, out, arguments.device, arguments.frames, own_commands(arguments.words)
    )
    print(f"{out}: mean {mean:.4f}, standard deviation {std:.4f}")
    return 0


def _networks(arguments: argparse.Namespace) -> int:
    from training.networks_table import print_networks

    return print_networks(arguments)


def _add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    train = verbs.add_parser("train", help="train a network; goes on where a run stopped")
    train_command.add_options(train, "config/experiments")
    train.set_defaults(run=_train)

    evaluate_command.add_parser(verbs)
    probe_command.add_parser(verbs)

    export = verbs.add_parser("export", help="write a run as a model bundle")
    export.add_argument("run_folder", type=Path, metavar="run", help="run folder")
    export.add_argument("bundle", type=Path, help="bundle folder; its name becomes the model's")
    export.add_argument("--size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"))
    export.add_argument("--remarks", type=text_file, help="Markdown for the model card")
    export.add_argument(
        "--int8",
        action="store_true",
        help="also quantise to int8 (an OpenVINO IR, needs NNCF); refused where it loses too much",
    )
    export.set_defaults(run=_export)

    to_bag = verbs.add_parser(
        "to-bag",
        help="write a scene as a rosbag2 recording with ground truth",
        description="Images, depth, ground-truth labels, camera infos and /tf of a scene in "
        "ScanNet's frames layout, rendered or real.",
    )
    to_bag.add_argument("scene", type=Path, help="folder of the scene, with color/, depth/ ...")
    to_bag.add_argument("bag", type=Path, help="folder to write, must not exist")
    to_bag.add_argument(
        "--label-space",
        type=Path,
        default=Path("config/labels/scannet20.yaml"),
        help="(%(default)s)",
    )
    to_bag.add_argument("--source", default="nyu40", help="ids of the label files (%(default)s)")
    to_bag.add_argument("--rate", type=rate, default=15.0, help="frames a second (%(default)s)")
    to_bag.set_defaults(run=_to_bag)

    statistics = verbs.add_parser(
        "statistics-2d",
        help="measure the 2D features of a trained network, for distillation",
        description="Measures mean and standard deviation of a trained network's 2D features, to "
        "which the second dimension norm of a distillation brings the simulated 3D features. An "
        "experiment names the file as distillation.statistics_2d_of.",
    )
    statistics.add_argument("run_folder", type=Path, metavar="run", help="run folder")
    statistics.add_argument(
        "--out", type=Path, help="file to write; statistics_2d.json in the run folder"
    )
    statistics.add_argument(
        "--frames", type=count, default=500, help="training frames, at most (%(default)s)"
    )
    statistics.add_argument("--device", default="cpu", help="cpu or cuda (%(default)s)")
    statistics.set_defaults(run=_statistics_2d)

    networks = verbs.add_parser(
        "networks",
        help="list the networks, 2D and 3D",
        description="Names, numbers of parameters, feature widths and strides of all networks with "
        "their default settings.",
    )
    networks.add_argument(
        "--classes", type=classes, default=20, help="of their classifiers (%(default)s)"
    )
    networks.set_defaults(run=_networks)


def _known_errors() -> tuple[type[Exception], ...]:
    """Errors whose message says all that the user needs."""
    from seg3d2d_ros.bag.writer import BagWriteError
    from seg3d2d_ros.bundle_files import BundleError
    from seg3d2d_ros.labels import LabelSpaceError
    from seg3d2d_ros.networks.registry import NetworkError
    from seg3d2d_ros.parser import ParserError
    from training.data.labelled_frames import DatasetError
    from training.engine.checkpoint import CheckpointError
    from training.engine.settings import ExperimentError
    from training.export import ExportError
    from training.points.cloud import CloudError
    from training.points.networks.point_network import PointNetworkError
    from training.points.sparse.voxel_pyramid import VoxelError
    from training.published_weights.published_weights_error import PublishedWeightsError
    from training.quantisation import QuantisationError

    return (
        BagWriteError,
        BundleError,
        LabelSpaceError,
        NetworkError,
        ParserError,
        DatasetError,
        CheckpointError,
        CloudError,
        ExperimentError,
        ExportError,
        PointNetworkError,
        PublishedWeightsError,
        QuantisationError,
        VoxelError,
        ModuleNotFoundError,
        OSError,
    )


def _concerns_users(record: logging.LogRecord) -> bool:
    """Not what PyTorch notes for its developers, such as statistics when it is interrupted."""
    return record.levelno >= logging.WARNING or not record.name.startswith("torch.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb; a known error is one line on stderr and exit status 1."""
    shown = logging.StreamHandler()
    shown.addFilter(_concerns_users)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[shown])
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    parts = ("rendering", "data", "projection", "inspection", "points", "published_weights")
    for part in parts:
        importlib.import_module(f"training.{part}.command").add_parser(verbs)
    _add_verbs(verbs)
    words = sys.argv[1:] if argv is None else list(argv)
    arguments = parser.parse_args(words)
    arguments.words = words
    if arguments.verb == "rooms":  # needs Open3D, but not the PyTorch that the other verbs need
        return int(arguments.run(arguments))
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    except _known_errors() as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        return 1


def _sentence(error: Exception) -> str:
    """What it says; an error of the operating system without its number."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename} can't be used: {error.strerror}"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full; make room, and the same command goes on"
    if isinstance(error, OSError) and error.strerror:
        return f"something can't be written or read: {error.strerror}"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
