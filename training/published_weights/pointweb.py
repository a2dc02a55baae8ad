# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Import of published PointWeb weights, with the classes of S3DIS put in order by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seg3d2d_ros.labels import LabelSpace
from training.points.networks.pointweb import PointWeb
from training.published_weights.checkpoint_file import Checkpoint, read_checkpoint
from training.published_weights.classes_in_order import PublishedClasses, classes_in_order
from training.published_weights.imported_network import ImportedNetwork
from training.published_weights.published_weights_error import PublishedWeightsError

POINTWEB_S3DIS = PublishedClasses(
    "PointWeb's network for S3DIS",
    "s3dis13",
    (
        *("ceiling", "floor", "wall", "beam", "column", "window", "door", "chair", "table"),
        *("bookcase", "sofa", "board", "clutter"),
    ),
)
"""In PointWeb's order (``data/s3dis/s3dis_names.txt``); PointNet's has table before chair and sofa
before bookcase."""
_FIRST = "SA_modules.0.mlp.layer0.conv.weight"
_CLASSIFIER = "FC_layer.2.conv.weight"
_COLOR_CHANNELS = 6
_SAMPLINGS: dict[int, dict[str, Any]] = {
    6: {},
    3: {"block_size": 1.5, "stride": 0.75, "num_points": 8192, "colors": False},
}
"""Settings by feature channels: colour and place in the room (S3DIS), place alone (ScanNet)."""


def import_pointweb(file: Path, label_space: LabelSpace | None = None) -> ImportedNetwork:
    """PointWeb with the weights of a published checkpoint.

    The channels of the input and the number of classes are read from the weights' shapes. Where no
    label space is named, thirteen classes with colours are those of S3DIS: the classifier's rows
    are put in the order of ``config/labels/s3dis13.yaml`` by name.

    Args:
        file: of ``torch.save``; a mapping with ``state_dict``, or the weights themselves.
        label_space: classes in the order of the file's classifier; None for those of S3DIS.

    Raises:
        PublishedWeightsError: if the file is missing, damaged, no checkpoint, needs code to be
            read, or is of another architecture; if its classes are not known, or not as many as
            the label space's.
        LabelSpaceError: if the label space can't be read.
    """
    checkpoint = read_checkpoint(file)
    network = _build(file, checkpoint)
    weights = {**network.state_dict(), **checkpoint.tensors}
    channels = network.feature_channels
    s3dis = network.num_classes == len(POINTWEB_S3DIS.names) and channels == _COLOR_CHANNELS
    classes = classes_in_order(
        file, network.num_classes, POINTWEB_S3DIS if s3dis else None, label_space
    )
    for name in (_CLASSIFIER, _CLASSIFIER.replace("weight", "bias")):
        weights[name] = weights[name][classes.order]
    network.load_state_dict(weights)
    return ImportedNetwork(
        network.eval(),
        "pointweb",
        {"feature_channels": channels},
        dict(_SAMPLINGS[channels]),
        classes.label_space,
        "\n".join([_identity(file, network), classes.report, *checkpoint.remarks()]),
    )


def _build(file: Path, checkpoint: Checkpoint) -> PointWeb:
    """A network whose weights have these names and shapes."""
    tensors = checkpoint.tensors
    for name in (_FIRST, _CLASSIFIER):
        if name not in tensors or tensors[name].ndim != 4:
            found = f"is {list(tensors[name].shape)} there" if name in tensors else "is missing"
            raise PublishedWeightsError(f"{file} is no PointWeb: its weight '{name}' {found}")
    channels = tensors[_FIRST].shape[1] - 3
    if channels not in _SAMPLINGS:
        raise PublishedWeightsError(
            f"{file} is a PointWeb with {channels} feature channels; blocks give 6, colour and "
            "place in the room, or 3, the place alone"
        )
    num_classes = tensors[_CLASSIFIER].shape[0]
    if not num_classes:
        raise PublishedWeightsError(f"{file} is a PointWeb without classes")
    network = PointWeb(num_classes, channels)
    differences = checkpoint.differences(network.state_dict())
    if differences:
        raise PublishedWeightsError(
            f"{file} is of another architecture than PointWeb: {len(differences)} weights differ, "
            f"the first: {differences[0]}"
        )
    return network


def _identity(file: Path, network: PointWeb) -> str:
    text = (
        f"{file} is PointWeb: {network.feature_channels} feature channels, {network.num_classes} "
        "classes."
    )
    if network.feature_channels != _COLOR_CHANNELS:
        text += (
            " Its blocks are taken for those published for ScanNet, which the file does not tell."
        )
    return text
