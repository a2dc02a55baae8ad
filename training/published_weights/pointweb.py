# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Import of published PointWeb weights, with the classes of S3DIS put in order by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from seg3d2d_ros.labels import LabelSpace
from training.points.networks.pointweb import PointWeb
from training.published_weights.checkpoint_file import Checkpoint, read_checkpoint
from training.published_weights.imported_network import ImportedNetwork, PublishedWeightsError

S3DIS_CLASSES = (
    *("ceiling", "floor", "wall", "beam", "column", "window", "door", "chair", "table"),
    *("bookcase", "sofa", "board", "clutter"),
)
"""In PointWeb's order (``data/s3dis/s3dis_names.txt``); PointNet's has table before chair and sofa
before bookcase."""
_LABEL_SPACE = Path(__file__).parents[2] / "config" / "labels" / "s3dis13.yaml"
_FIRST = "SA_modules.0.mlp.layer0.conv.weight"
_CLASSIFIER = "FC_layer.2.conv.weight"
_COUNTER = "num_batches_tracked"
_COLOR_CHANNELS = 6
_SAMPLINGS: dict[int, dict[str, Any]] = {
    6: {},
    3: {"block_size": 1.5, "stride": 0.75, "num_points": 8192, "colors": False},
}
"""Settings by feature channels: colour and place in the room (S3DIS), place alone (ScanNet)."""


def import_pointweb(file: Path) -> ImportedNetwork:
    """PointWeb with the weights of a published checkpoint.

    The channels of the input and the number of classes are read from the weights' shapes. Thirteen
    classes with colours are those of S3DIS: the classifier's rows are put in the order of
    ``config/labels/s3dis13.yaml`` by name.

    Args:
        file: of ``torch.save``; a mapping with ``state_dict``, or the weights themselves.

    Raises:
        PublishedWeightsError: if the file is missing, damaged, no checkpoint, needs code to be
            read, or is of another architecture.
        LabelSpaceError: if the label space can't be read.
    """
    checkpoint = read_checkpoint(file)
    network = _build(file, checkpoint.tensors)
    weights = {**network.state_dict(), **checkpoint.tensors}
    channels = network.feature_channels
    order: list[int] | None = None
    class_names: tuple[str, ...] | None = None
    if network.num_classes == len(S3DIS_CLASSES) and channels == _COLOR_CHANNELS:
        space = LabelSpace.load(_LABEL_SPACE)
        class_names = space.names
        order = [S3DIS_CLASSES.index(name) for name in class_names]
        for name in (_CLASSIFIER, _CLASSIFIER.replace("weight", "bias")):
            weights[name] = weights[name][order]
    network.load_state_dict(weights)
    return ImportedNetwork(
        network.eval(),
        "pointweb",
        {"feature_channels": channels},
        dict(_SAMPLINGS[channels]),
        "\n".join(_report(file, checkpoint, network, order)),
        class_names,
    )


def _build(file: Path, tensors: dict[str, Tensor]) -> PointWeb:
    """A network whose weights have these names and shapes."""
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
    expected = network.state_dict()
    differences = []
    for name, tensor in expected.items():
        if name not in tensors:
            if not name.endswith(_COUNTER):  # the first versions of torch had none
                differences.append(f"'{name}' is missing")
        elif tensors[name].shape != tensor.shape:
            shapes = f"{list(tensors[name].shape)} and not {list(tensor.shape)}"
            differences.append(f"'{name}' is {shapes}")
    differences += [f"'{name}' is unknown" for name in tensors if name not in expected]
    if differences:
        raise PublishedWeightsError(
            f"{file} is of another architecture than PointWeb: {len(differences)} weights differ, "
            f"the first: {differences[0]}"
        )
    return network


def _report(
    file: Path, checkpoint: Checkpoint, network: PointWeb, order: list[int] | None
) -> list[str]:
    lines = [
        f"{file} is PointWeb: {network.feature_channels} feature channels, {network.num_classes} "
        "classes."
    ]
    if order is None:
        lines.append(
            "The classes are in the file's order, which the label space given must have as well."
        )
    else:
        moved = [S3DIS_CLASSES[k] for place, k in enumerate(order) if place != k]
        lines.append(
            "The classifier's rows were put from PointWeb's order of the classes of S3DIS into "
            f"that of the label space s3dis13 by name; moved: {', '.join(moved)}."
        )
    if checkpoint.prefixed:
        lines.append("The names' prefix 'module.' of parallel training was taken off.")
    if checkpoint.ignored:
        lines.append(f"Not used: {', '.join(checkpoint.ignored)}.")
    return lines
