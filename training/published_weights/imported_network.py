# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What an import of a 3D network's published weights gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seg3d2d_ros.labels import LabelSpace
from training.points.networks.point_network import PointNetwork


@dataclass(frozen=True, eq=False)
class ImportedNetwork:
    """A 3D network with published weights.

    Attributes:
        network: in evaluation mode, on the CPU.
        network_name: in the registry of 3D networks.
        config: settings of the network, as the registry takes them.
        sampling: settings of its sampling, likewise.
        label_space: its classes, in the order of the network's classifier.
        report: what was done with the weights, a sentence a line.
    """

    network: PointNetwork
    network_name: str
    config: dict[str, Any]
    sampling: dict[str, Any]
    label_space: LabelSpace
    report: str
