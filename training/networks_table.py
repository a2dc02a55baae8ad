# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb ``networks``: every network, 2D and 3D, with its size."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import torch
from torch import nn

from seg3d2d_ros.networks.registry import (
    NETWORKS,
    MissingPackageError,
    build_network,
    feature_width,
    geometry,
)
from training.points.networks.registry import build_point_network, point_network_kinds

_HEADINGS = ("name", "kind", "parameters", "feature width", "stride")
_FOOTNOTE = "stride of the features: in pixels (2D), in the network's own voxels or points (3D)"


@dataclass(frozen=True)
class NetworkSize:
    """One network with its default settings.

    Attributes:
        name: in its registry.
        kind: 2D or 3D.
        parameters: that are trained.
        feature_width: channels of what its classifier sees.
        stride: of the features: pixels of the image in 2D, the network's voxels or points in 3D.
    """

    name: str
    kind: str
    parameters: int
    feature_width: int
    stride: int


@dataclass(frozen=True)
class NetworksHere:
    """The networks that can be built here, and why others can't.

    Attributes:
        sizes: 2D, then 3D, each in alphabetical order.
        remarks: a sentence for each network whose layers come from a package that is missing.
    """

    sizes: list[NetworkSize]
    remarks: list[str]


def networks_here(num_classes: int) -> NetworksHere:
    """All networks.

    Args:
        num_classes: of their classifiers.
    """
    sizes, remarks = [], []
    with torch.device("meta"):  # neither memory nor random numbers for the weights
        for name in sorted(NETWORKS):
            try:
                network = build_network(name, {}, num_classes)
            except MissingPackageError as error:
                remarks.append(str(error))
                continue
            stride = geometry(network)[0]
            sizes.append(
                NetworkSize(name, "2D", _parameters(network), feature_width(network), stride)
            )
        for name in sorted(point_network_kinds()):
            points = build_point_network(name, {}, num_classes)
            width, stride = points.feature_width, points.stride
            sizes.append(NetworkSize(name, "3D", _parameters(points), width, stride))
    return NetworksHere(sizes, remarks)


def networks_table(num_classes: int) -> str:
    """Aligned columns, numbers to the right; below, what the columns mean and what is missing."""
    here = networks_here(num_classes)
    rows = [
        (size.name, size.kind, f"{size.parameters:,}", str(size.feature_width), str(size.stride))
        for size in here.sizes
    ]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    lines = []
    for row in (_HEADINGS, *rows):
        cells = [
            cell.ljust(width) if k < 2 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells))
    return "\n".join([*lines, f"with {num_classes} classes; {_FOOTNOTE}", *here.remarks])


def print_networks(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    print(networks_table(arguments.classes))
    return 0


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
