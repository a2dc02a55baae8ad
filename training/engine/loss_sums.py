# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Losses as sums with the number of their terms, and their combination.

Liu, Qi and Fu, "3D-to-2D Distillation for Indoor Scene Parsing", CVPR 2021, write sums (Eq. 1 and
2); the published code takes means. A sum that knows how many terms it has gives either, for one
process and for several of which each sees a part of the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.distillation.distillation_config import REDUCTIONS

SEGMENTATION = "segmentation"
"""Name of the term of Eq. 2, whose number of valid pixels is the common divisor of sums."""


@dataclass(frozen=True, eq=False)
class LossSum:
    """A loss that is a sum.

    Attributes:
        total: the sum, float32 scalar with its graph; exactly 0 where it has no terms, then with
            gradients of 0.
        count: how many terms it has, scalar without gradient.
    """

    total: Tensor
    count: Tensor

    def __add__(self, other: LossSum) -> LossSum:
        """Of the terms of both."""
        return LossSum(self.total + other.total, self.count + other.count)

    @property
    def mean(self) -> float:
        """Mean of the terms of this process, to be shown; NaN where there are none."""
        return float(self.total.detach()) / count if (count := float(self.count)) else math.nan


Terms = dict[str, tuple[LossSum, float]]
"""Sums and weights by name."""


def segmentation_sum(
    pixel_logits: Tensor,
    labels: Tensor,
    unlabeled: int,
    weights: Tensor | None = None,
    smoothing: float = 0.0,
) -> LossSum:
    """Cross-entropy of the pixels, or points, that have a class, L_s (Eq. 2).

    What is kept for the gradient is one map of log-probabilities in float32: 16 crops of 473 x 473
    pixels and 20 classes take 286 MB.

    Args:
        pixel_logits: [N, classes, H, W], at the labels' size; of points [N, classes].
        labels: int64 [N, H, W], or [N], classes from 0; `unlabeled` does not count.
        unlabeled: id of pixels without a class.
        weights: by class, float32 [classes]; None for 1.
        smoothing: label smoothing in [0, 1).

    Returns:
        The sum over valid pixels, and the sum of their weights.
    """
    total = F.cross_entropy(
        pixel_logits.float(),
        labels,
        weights,
        ignore_index=unlabeled,
        label_smoothing=smoothing,
        reduction="sum",
    )
    return LossSum(total, weight_of(labels, unlabeled, weights))


def weight_of(labels: Tensor, unlabeled: int, weights: Tensor | None = None) -> Tensor:
    """Sum of the weights of the pixels that have a class, scalar; see :func:`segmentation_sum`."""
    if weights is None:
        return (labels != unlabeled).sum()
    return (torch.bincount(labels[labels != unlabeled], minlength=len(weights)) * weights).sum()


def divisors(
    counts: Mapping[str, float | Tensor],
    reduction: str,
    average_over_processes: Callable[[float], float],
) -> dict[str, float]:
    """What each term's sum is divided by before gradients are averaged over processes.

    Gradients of several processes are replaced by their mean. Where each divides its own sum by the
    mean of all processes' counts, that mean is the gradient of one process on the joined batch,
    whichever way terms are spread over the processes. Where a batch is taken in parts, a step's
    counts are the sums over the parts.

    Args:
        counts: number of terms of this process by name of the loss; the same names in the same
            order in all processes.
        reduction: ``mean``, as in the published code: each sum is divided by its own number of
            terms. ``sum``, the paper's: all are divided by the number of valid pixels (their weight
            where classes have weights), so that learning rates don't depend on the batch's size;
            sums over cells of the feature grid, of which there are fewer than pixels, then weigh
            less.
        average_over_processes: mean of all processes' values, such as
            :meth:`training.engine.workers.Workers.mean`.

    Returns:
        By name. Infinite, which makes loss and gradient 0, for a mean over nothing, and for all
        sums where no pixel of the whole batch is valid.

    Raises:
        ValueError: if there is no such reduction, or sums have no segmentation term.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}, it must be of {', '.join(REDUCTIONS)}")
    if reduction == "mean":
        averaged = {name: average_over_processes(float(n)) for name, n in counts.items()}
        return {name: n if n > 0 else math.inf for name, n in averaged.items()}
    if SEGMENTATION not in counts:
        raise ValueError(
            f"the reduction 'sum' divides by the valid pixels of the term '{SEGMENTATION}', which "
            "is not among the losses; take the reduction 'mean'"
        )
    valid = average_over_processes(float(counts[SEGMENTATION]))
    return dict.fromkeys(counts, valid if valid > 0 else math.inf)


def weighted_loss(
    terms: Mapping[str, tuple[LossSum, float]], divided_by: Mapping[str, float]
) -> Tensor:
    """Sum over the terms of weight * total / divisor, a scalar.

    Args:
        terms: sum and weight by name, at least one.
        divided_by: see :func:`divisors`.
    """
    parts = [(weight / divided_by[name]) * part.total for name, (part, weight) in terms.items()]
    return torch.stack(parts).sum()
