# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The loss of a predicted depth map, for the depth baselines and the depth probe."""

from __future__ import annotations

import torch
from torch import Tensor

from training.engine.loss_sums import LossSum

DEPTH = "depth"
"""Name of the term among the losses of a run."""


def log_depth_sum(log_depth: Tensor, depth: Tensor) -> LossSum:
    """L1 distance of logarithms, sum over |log d' - log d| where d was measured.

    The paper names no loss for its Multitask baseline. Of logarithms, a near and a far thing count
    alike, and what the scale of a single image leaves open is one constant; L1 is not ruled by
    depth edges, where a cell's measurement may be of either side.

    Args:
        log_depth: predicted, natural logarithm of metres, [N, 1, h, w].
        depth: measured, metres, [N, h, w]; 0 or not finite where nothing was measured.

    Returns:
        The sum over measured cells, and their number; cells that hold no measurement play no part.
    """
    measured = torch.isfinite(depth) & (depth > 0)
    target = torch.log(torch.where(measured, depth, torch.ones_like(depth)).float())
    distance = (log_depth[:, 0].float() - target).abs()
    total = torch.where(measured, distance, torch.zeros_like(distance)).sum()
    return LossSum(total, measured.sum())
