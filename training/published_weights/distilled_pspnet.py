# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Import of the published PSPNet of 3D-to-2D distillation.

Liu, Qi and Fu, "3D-to-2D Distillation for Indoor Scene Parsing", CVPR 2021. In the published code
the learnable scale and shift of dimension normalisation are inside (``dn_affine: inner``), and each
of NYU's ids from 0 to 39 has an output, half of which were never trained.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.networks.dimension_norm import DimensionNorm
from seg3d2d_ros.networks.registry import build_network
from seg3d2d_ros.share import share_path
from training.published_weights.checkpoint_file import Checkpoint, read_checkpoint
from training.published_weights.classes_in_order import ClassesInOrder, classes_in_order
from training.published_weights.distillation_statistics import read_statistics
from training.published_weights.published_weights_error import PublishedWeightsError

NETWORK = "pspnet"
CREDIT = (
    'Weights by Z. Liu, X. Qi and C.-W. Fu, "3D-to-2D Distillation for Indoor Scene Parsing", CVPR '
    "2021 (github.com/liuzhengzhe/3D-to-2D-Distillation-for-Indoor-Scene-Parsing)"
)
_OUTPUTS = 40
_LABEL_SPACE, _SOURCE = "scannet20", "nyu40"
_DEPTHS = {6: 50, 23: 101}
"""By the third stage's number of bottlenecks."""
_PARTS = {
    "head.conv1": "reg",
    "head.norm1": "bn",
    "head.conv2": "reg2",
    "head.norm2": "bn2",
    "head.conv3": "reg3",
    "head.branch_2d": "cls3",
    "head.classifier": "cls2",
}
_CLASSIFIER = "head.classifier.4"
_SHAPES = {
    "cls2.4.weight": 4,
    "cls3.3.weight": 4,
    "reg.0.weight": 4,
    "bn.weight": 1,
}
"""Weights that tell the widths, and their numbers of dimensions."""


@dataclass(frozen=True, eq=False)
class ImportedParsingNetwork:
    """A 2D network with published weights.

    Attributes:
        network: in evaluation mode, on the CPU.
        network_name: in the registry of 2D networks.
        config: settings of the network, as the registry takes them.
        label_space: its classes, in the order of the network's classifier.
        report: what was done with the weights, a sentence a line.
    """

    network: nn.Module
    network_name: str
    config: dict[str, Any]
    label_space: LabelSpace
    report: str


def published_name(name: str) -> str | None:
    """What the published code calls one of our network's weights.

    Returns:
        None for the target statistics, which lie in files of their own.
    """
    if ".target_" in name:
        return None
    name = re.sub(r"^encoder\.stem\.", "layer0.", name)
    name = re.sub(r"^encoder\.stages\.(\d)\.", lambda found: f"layer{int(found[1]) + 1}.", name)
    # before a grid's convolution the published list has its pooling
    name = re.sub(
        r"^pyramid\.reduce\.(\d)\.(\d)\.",
        lambda found: f"ppm.features.{found[1]}.{int(found[2]) + 1}.",
        name,
    )
    for ours, theirs in _PARTS.items():
        if name.startswith(f"{ours}."):
            name = theirs + name.removeprefix(ours)
    return name.replace("delta_sigma", "weight").replace("delta_mu", "bias")


def import_distilled_pspnet(
    file: Path, statistics: Path, label_space: LabelSpace | None = None
) -> ImportedParsingNetwork:
    """PSPNet with a distillation branch and the weights of the published checkpoint.

    Depth, widths and number of classes are read from the weights' shapes. Where no label space is
    named, 40 outputs are NYU's ids 0 to 39, of which the 20 of scannet20 are kept.

    Args:
        file: of ``torch.save``; a mapping with ``state_dict``, or the weights themselves.
        statistics: folder with the arrays of
            :func:`~training.published_weights.distillation_statistics.read_statistics`.
        label_space: classes in the order of the file's classifier; None for the published ones.

    Raises:
        PublishedWeightsError: if the file or the statistics are missing, damaged, need code to be
            read, or are of another network; if the classes are not known, or not as many as the
            label space's.
        LabelSpaceError: if the known label space can't be read.
    """
    checkpoint = read_checkpoint(file)
    config, outputs = _settings(file, checkpoint)
    width = config["branch"]["feature_width"]
    targets = read_statistics(statistics, width)
    with torch.device("meta"):
        shapes = build_network(NETWORK, config, outputs).state_dict()
    names = {ours: theirs for ours in shapes if (theirs := published_name(ours)) is not None}
    differences = checkpoint.differences({names[ours]: shapes[ours] for ours in names})
    if differences:
        raise PublishedWeightsError(
            f"{file} is of another architecture than the published PSPNet-{config['depth']} of "
            f"3D-to-2D distillation: {len(differences)} weights differ, the first: "
            f"{differences[0]}"
        )
    classes = _classes(file, outputs, label_space)
    # old files have no counters of batch norm
    weights = {
        ours: checkpoint.tensors.get(theirs, torch.zeros((), dtype=torch.long))
        for ours, theirs in names.items()
    }
    for name in (f"{_CLASSIFIER}.weight", f"{_CLASSIFIER}.bias"):
        weights[name] = weights[name][classes.order]
    for norm, mean, std in (
        ("head.norm1", targets.mean_3d, targets.std_3d),
        ("head.norm2", targets.mean_2d, targets.std_2d),
    ):
        filled = DimensionNorm(width)
        filled.set_target(torch.from_numpy(mean), torch.from_numpy(std))
        weights |= {f"{norm}.target_mean": filled.target_mean}
        weights |= {f"{norm}.target_std": filled.target_std}
    with torch.device("meta"):  # no random numbers for weights that are replaced
        network = build_network(NETWORK, config, classes.label_space.num_classes)
    network.load_state_dict(weights, assign=True)
    report = [
        f"{file.name} is the PSPNet-{config['depth']} of 3D-to-2D distillation: {width} simulated "
        f"3D features, {outputs} outputs.",
        classes.report,
        f"The dimension norms' target statistics are those in the folder '{statistics.name}'.",
        *checkpoint.remarks(),
    ]
    return ImportedParsingNetwork(
        network.eval(), NETWORK, config, classes.label_space, "\n".join(report)
    )


def _settings(file: Path, checkpoint: Checkpoint) -> tuple[dict[str, Any], int]:
    """Settings of the network, and its number of outputs, by the shapes of the weights."""
    tensors = checkpoint.tensors
    for name, dimensions in _SHAPES.items():
        if name not in tensors or tensors[name].ndim != dimensions or not tensors[name].numel():
            found = f"is {list(tensors[name].shape)} there" if name in tensors else "is missing"
            raise PublishedWeightsError(
                f"{file} is no PSPNet of 3D-to-2D distillation: its weight '{name}' {found}"
            )
    blocks = sum(re.fullmatch(r"layer3\.\d+\.conv2\.weight", name) is not None for name in tensors)
    if blocks not in _DEPTHS:
        raise PublishedWeightsError(
            f"{file} is no PSPNet of 50 or 101 layers: its third stage has {blocks} blocks, not "
            f"{' or '.join(map(str, _DEPTHS))}"
        )
    branch = {
        "feature_width": tensors["bn.weight"].shape[0],
        "hidden": tensors["reg.0.weight"].shape[0],
        "width_2d": tensors["cls3.3.weight"].shape[0],
        "norm": "dn",
        "dn_affine": "inner",
    }
    return {"depth": _DEPTHS[blocks], "branch": branch}, tensors["cls2.4.weight"].shape[0]


def _classes(file: Path, outputs: int, label_space: LabelSpace | None) -> ClassesInOrder:
    """Rows of the classifier; of the published ones those whose ids ScanNet's classes have."""
    if label_space is not None or outputs != _OUTPUTS:
        return classes_in_order(file, outputs, None, label_space)
    space = LabelSpace.load(share_path(f"config/labels/{_LABEL_SPACE}.yaml"))
    ids = space.source_ids.get(_SOURCE, ())
    order = [entry for entry in ids if isinstance(entry, int) and entry < outputs]
    if len(order) != space.num_classes:
        raise PublishedWeightsError(
            f"the label space '{space.name}' of this package does not have one id of NYU's 40 for "
            "each of its classes; install the package again"
        )
    return ClassesInOrder(
        space,
        order,
        f"Its outputs are taken for NYU's ids 0 to {outputs - 1}, of which the {len(order)} of "
        f"'{space.name}' are kept: {', '.join(map(str, order))}.",
    )
