# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Features and scores of every point of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.points.cloud import check_cloud
from training.points.networks.point_network import PointNetwork
from training.points.sampling.scene_sampling import SceneSampling

_ROWS = 65536
"""Rows copied at a time, so that memory holds a scene's features once."""


@dataclass(frozen=True, eq=False)
class ScenePrediction:
    """What a network says about a scene.

    Attributes:
        features: float32 [n, width], a row for each point.
        logits: float32 [n, classes].
    """

    features: Tensor
    logits: Tensor


@torch.inference_mode()
def predict_scene(
    network: PointNetwork,
    sampling: SceneSampling,
    points: npt.NDArray[np.float32],
    colors: npt.NDArray[np.uint8],
    *,
    where: str,
    device: str = "cpu",
) -> ScenePrediction:
    """Run a network over all parts of a scene; what several parts say of a point is averaged.

    Args:
        network: in evaluation mode, on `device`.
        sampling: the network's.
        points: [n, 3], metres.
        colors: [n, 3], RGB.
        where: file or scene, for messages.
        device: of the network.

    Raises:
        CloudError: if the points can't be used.
    """
    check_cloud(points, colors, where)
    features = torch.zeros(len(points), network.feature_width)
    logits = torch.zeros(len(points), network.num_classes)
    visits = torch.zeros(len(points), 1)
    for part in sampling.parts(points, colors):
        output = network(*(value.to(device) for value in part.inputs))
        numbers, rows = torch.from_numpy(part.points), torch.from_numpy(part.rows)
        found = output.features.float().cpu(), output.logits.float().cpu()
        for total, values in zip((features, logits), found, strict=True):
            for some, their in zip(numbers.split(_ROWS), rows.split(_ROWS), strict=True):
                total.index_add_(0, some, values[their])
        visits.index_add_(0, numbers, torch.ones(len(rows), 1))
    return ScenePrediction(features.div_(visits), logits.div_(visits))
