# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Losses of 3D-to-2D distillation as sums with the number of their terms.

Liu, Qi and Fu, "3D-to-2D Distillation for Indoor Scene Parsing", CVPR 2021, Section 3.1. That of
Eq. 2 is in :mod:`training.engine.loss_sums`, with what combines them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from training.engine.loss_sums import LossSum

PROJECTION = "projection"
"""Name of the term of Eq. 1."""
ADVERSARIAL = "adversarial"
"""Name of the term of Eq. 4."""


def projection_sum(simulated: Tensor, features: Tensor, covered: Tensor) -> LossSum:
    """Squared distance of simulated to projected 3D features, L_p (Eq. 1).

    What lies in cells that are not covered plays no part, NaN included. NaN at a covered cell makes
    the sum NaN: it is not hidden, and files of features that hold some are refused when read.

    Args:
        simulated: f3D_sim, [N, C, h, w].
        features: f3D, projected, [N, C, h, w]; no gradient passes to it.
        covered: bool [N, h, w], cells onto which a point projects.

    Returns:
        The sum over covered cells and channels, and the number of covered cells.

    Raises:
        ValueError: if the shapes do not fit.
    """
    check_projected(features, covered)
    if simulated.shape != features.shape:
        raise ValueError(
            f"the simulated 3D features are {list(simulated.shape)}, those to learn from "
            f"{list(features.shape)}: set the branch's feature_width to the features' width"
        )
    difference = covered_rows(simulated, covered) - covered_rows(features.detach(), covered)
    return LossSum(difference.square().sum(), covered.sum())


def check_projected(maps: Tensor, covered: Tensor) -> None:
    """Whether maps [N, C, h, w] and covered cells, bool [N, h, w], fit.

    Raises:
        ValueError: if not.
    """
    n, _, h, w = maps.shape
    if covered.dtype != torch.bool or covered.shape != (n, h, w):
        raise ValueError(
            f"the covered cells are {list(covered.shape)} of {covered.dtype}, features of "
            f"{list(maps.shape)} need {[n, h, w]} of torch.bool"
        )


def covered_rows(maps: Tensor, covered: Tensor) -> Tensor:
    """Vectors at covered cells, float32 [M, C], of maps [N, C, h, w]."""
    return maps.permute(0, 2, 3, 1)[covered].float()
