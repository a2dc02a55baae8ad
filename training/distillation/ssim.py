# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Structural similarity of depth maps with gaps (Wang et al., TIP 2004)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 11
_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03
LEAST_MEASURED = 0.5
"""Part of a window's weight that must be measured for the window to count."""


def _gaussian() -> Tensor:
    """Weights of a window's rows (or columns), float64 (11,), sum 1."""
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-offsets.square() / (2 * _SIGMA**2))
    return weights / weights.sum()


def _windows(maps: Tensor) -> Tensor:
    """Weighted sums over all windows that lie inside, [N, h, w] to [N, h - 10, w - 10]."""
    weights = _gaussian().to(maps.device)
    rows = F.conv2d(maps[:, None], weights.view(1, 1, -1, 1))
    return F.conv2d(rows, weights.view(1, 1, 1, -1))[:, 0]


def masked_ssim(
    predicted: Tensor, truth: Tensor, measured: Tensor, data_range: float
) -> float | None:
    """Mean structural similarity of a map and what was measured.

    By Wang's 11x11 Gaussian windows of deviation 1.5, K1 = 0.01 and K2 = 0.03. Means, variances and
    covariance of a window are over its measured cells alone, their weights scaled to a sum of 1.
    Windows count that lie inside the map, have a measured centre, and have at least half of their
    weight measured. Where everything is measured, this is the usual SSIM without the border.

    Args:
        predicted: [h, w].
        truth: [h, w]; what it holds where nothing was measured plays no part.
        measured: bool [h, w].
        data_range: L, of the values.

    Returns:
        At most 1; None if no window counts.

    Raises:
        ValueError: if the shapes differ, or are smaller than a window.
    """
    if not predicted.shape == truth.shape == measured.shape or min(truth.shape) < WINDOW:
        raise ValueError(
            f"SSIM of maps of the shapes {tuple(predicted.shape)}, {tuple(truth.shape)} and "
            f"{tuple(measured.shape)}; they must be equal and at least {WINDOW}x{WINDOW}"
        )
    zero = torch.zeros((), dtype=torch.float64, device=truth.device)
    x = torch.where(measured, predicted.double(), zero)
    y = torch.where(measured, truth.double(), zero)
    mask = measured.double()
    weight, *sums = _windows(torch.stack([mask, x, y, x * x, y * y, x * y]))
    margin = WINDOW // 2
    counts = measured[margin:-margin, margin:-margin] & (weight >= LEAST_MEASURED)
    if not bool(counts.any()):
        return None
    mean_x, mean_y, square_x, square_y, product = (each[counts] / weight[counts] for each in sums)
    variances = (square_x - mean_x**2).clamp(min=0) + (square_y - mean_y**2).clamp(min=0)
    covariance = product - mean_x * mean_y
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return float((luminance * structure).mean())
