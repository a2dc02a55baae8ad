# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb `prepare`: check a data set, or a folder of images and masks, and list it."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.argument_types import count, part
from training.data.registry import READERS
from training.provenance import command_recorded

LABEL_SPACES = Path(__file__).parents[2] / "config" / "labels"


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    prepare = verbs.add_parser(
        "prepare",
        help="check a data set, or a folder of images and masks, and list it",
        description="Reads a published data set from its original layout (--dataset and --root), "
        "or images with masks of your own (--images, --masks, --label-space), checks every file, "
        "and writes manifest.jsonl, label_space.yaml and defects.txt. What has a defect is left "
        "out or used without the damaged part; exit status 1 if anything was left out. Goes on "
        "where it was interrupted.",
    )
    prepare.add_argument(
        "--dataset", choices=tuple(READERS), help="published data set, or rgbd folders"
    )
    prepare.add_argument("--root", type=Path, help="its folder, in its original layout")
    prepare.add_argument(
        "--protocol", help="which scenes and frames are whose; an unknown name lists them"
    )
    prepare.add_argument(
        "--workers",
        type=count,
        help="processes (1); with --ray scenes at a time (the CPUs of the cluster)",
    )
    prepare.add_argument(
        "--ray", metavar="ADDRESS", help="of a Ray cluster whose machines see the same files"
    )
    prepare.add_argument("--images", type=Path, help="folder of images of your own")
    prepare.add_argument("--masks", type=Path, help="folder of masks: <name>.png with class ids")
    prepare.add_argument("--label-space", type=Path, help="YAML file with your classes")
    prepare.add_argument("--out", type=Path, required=True, help="folder to write to")
    prepare.add_argument(
        "--val-share",
        type=part,
        default=0.2,
        help="share of your frames held out (%(default)s); sub-folders stay in one split",
    )
    prepare.add_argument("--seed", type=int, default=0, help="of that split (%(default)s)")
    prepare.set_defaults(run=_prepare, refuse=prepare.error)


def _prepare(arguments: argparse.Namespace) -> int:
    own = (arguments.images, arguments.masks, arguments.label_space)
    if arguments.dataset is not None and arguments.root is not None:
        if arguments.images is not None or arguments.masks is not None:
            arguments.refuse("--images and --masks are for a folder of your own, not for --dataset")
        return _prepare_dataset(arguments)
    if arguments.dataset is not None or arguments.root is not None or None in own:
        arguments.refuse("give --dataset and --root, or --images, --masks and --label-space")
    from training.data.prepare import prepare_folder

    with command_recorded(arguments.out, arguments.words):
        summary = prepare_folder(
            *own, arguments.out, val_share=arguments.val_share, seed=arguments.seed
        )
    print(summary.text())
    return 1 if summary.defects else 0


def _prepare_dataset(arguments: argparse.Namespace) -> int:
    from seg3d2d_ros.labels import LabelSpace
    from training.data.prepare_dataset import prepare_dataset
    from training.data.registry import open_dataset

    reader = open_dataset(arguments.dataset, arguments.root, arguments.protocol)
    file = arguments.label_space or LABEL_SPACES / f"{reader.protocol.label_space}.yaml"
    with command_recorded(arguments.out, arguments.words):
        prepared = prepare_dataset(
            reader,
            arguments.out,
            LabelSpace.load(file),
            workers=arguments.workers,
            ray_address=arguments.ray,
        )
    print(prepared.text())
    return 1 if any(defect.dropped for defect in prepared.defects) else 0
