# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb `import`: published weights become point models, or bundles for the robot."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.argument_types import count, length, licence
from training.published_weights.kernel_orders import KERNEL_ORDERS

if TYPE_CHECKING:  # it needs PyTorch, which listing the verbs does not
    from seg3d2d_ros.labels import LabelSpace
    from training.published_weights.imported_network import ImportedNetwork


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb, with a verb of its own for each kind of published weights."""
    verb = verbs.add_parser(
        "import",
        help="turn published weights into a model",
        description="Reads weights that others have published, checks them against the network "
        "and writes them as a model. No code from the file is run.",
    )
    kinds = verb.add_subparsers(dest="kind", required=True)
    res16unet = kinds.add_parser(
        "res16unet",
        help="Res16UNet (MinkUNet) of SpatioTemporalSegmentation",
        description="Which network of the family it is, is seen from the weights.",
    )
    _add_arguments(
        res16unet,
        "scannet20's for 20 classes and 3 input channels, and those of S3DIS, in s3dis13's order, "
        "for 13 and 6",
    )
    res16unet.add_argument(
        "--voxel-size",
        type=length,
        metavar="METRES",
        help="side of the voxels that it was trained on, which the file does not tell (0.02, as "
        "published for ScanNet; where positions are part of the input 0.05, as for Stanford)",
    )
    res16unet.add_argument(
        "--kernel-order",
        choices=KERNEL_ORDERS,
        default="hybrid",
        help="of the 3x3x3 kernels in the file: hybrid for weights of MinkowskiEngine before 0.5, "
        "as published, hypercube for those of 0.5 and later (%(default)s)",
    )
    res16unet.set_defaults(run=_import_res16unet)
    pointweb = kinds.add_parser("pointweb", help="PointWeb by its authors")
    _add_arguments(pointweb, "those of S3DIS, in s3dis13's order, for 13 classes and colours")
    pointweb.set_defaults(run=_import_pointweb)
    distilled = kinds.add_parser(
        "distilled-pspnet",
        help="PSPNet of 3D-to-2D distillation by its authors, as a bundle for the robot",
        description="Depth and widths are seen from the weights. The labels that the bundle gives "
        "for some pictures are stored with it, so that a robot can check its own.",
    )
    _add_arguments(distilled, "for 40 outputs NYU's ids 0 to 39, of which scannet20's are kept")
    distilled.add_argument(
        "--statistics",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="mean.npy, var.npy, mean_2d.npy and var_2d.npy, which the published code has in "
        "data/meanvar and the checkpoint does not hold",
    )
    distilled.add_argument(
        "--images",
        type=Path,
        metavar="PATH",
        help="reference pictures: a bag, a folder of images, a video or an image (the shipped "
        "recording)",
    )
    distilled.add_argument(
        "--size",
        type=count,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        default=(480, 640),
        help="of the network's input, multiples of 8 (480 640)",
    )
    distilled.set_defaults(run=_import_distilled_pspnet)


def _add_arguments(parser: argparse.ArgumentParser, known: str) -> None:
    parser.add_argument("file", type=Path, help="the published checkpoint")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder to write; its name becomes the model's"
    )
    parser.add_argument(
        "--licence",
        type=licence,
        required=True,
        help="of the weights: an SPDX identifier or a sentence; it stays with the model",
    )
    parser.add_argument(
        "--label-space",
        type=Path,
        help="the classes in the order of the file's classifier; where it is not given, they are "
        f"{known}; others must be named",
    )


def _import_res16unet(arguments: argparse.Namespace) -> int:
    from training.published_weights.res16unet import import_res16unet

    settings = {} if arguments.voxel_size is None else {"voxel_size": arguments.voxel_size}
    return _import(
        arguments,
        lambda space: import_res16unet(arguments.file, space, kernel_order=arguments.kernel_order),
        settings,
        f", kernels read in the order {arguments.kernel_order}",
    )


def _import_pointweb(arguments: argparse.Namespace) -> int:
    from training.published_weights.pointweb import import_pointweb

    return _import(arguments, lambda space: import_pointweb(arguments.file, space), {})


def _import_distilled_pspnet(arguments: argparse.Namespace) -> int:
    from seg3d2d_ros.labels import LabelSpace
    from training.published_weights.distilled_pspnet import CREDIT, import_distilled_pspnet
    from training.published_weights.parsing_bundle import reference_images, write_imported_bundle

    space = LabelSpace.load(arguments.label_space) if arguments.label_space else None
    images = reference_images(arguments.images)
    imported = import_distilled_pspnet(arguments.file, arguments.statistics, space)
    bundle = write_imported_bundle(
        imported,
        arguments.out,
        file=arguments.file,
        images=images,
        size=tuple(arguments.size),
        licence=arguments.licence,
        credits=[CREDIT],
        command=shlex.join(["python", "-m", "training", *arguments.words]),
    )
    print(imported.report)
    agreement = bundle.metrics["onnx_agreement"]
    print(
        f"{bundle.path}: {len(images)} reference pictures, ONNX Runtime and PyTorch agree on "
        f"{agreement} % of their pixels"
    )
    return 0


def _import(
    arguments: argparse.Namespace,
    read: Callable[[LabelSpace | None], ImportedNetwork],
    sampling: dict[str, Any],
    how: str = "",
) -> int:
    from seg3d2d_ros.labels import LabelSpace
    from training.published_weights.import_model import import_model

    space = LabelSpace.load(arguments.label_space) if arguments.label_space else None
    description, report = import_model(
        arguments.file,
        lambda: read(space),
        arguments.out,
        licence=arguments.licence,
        sampling=sampling,
        how=how,
    )
    print(report.rstrip())
    print(f"{arguments.out}: {description.network}, weights' SHA-256 {description.sha256}")
    return 0
