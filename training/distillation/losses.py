# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Losses of 3D-to-2D distillation as sums with the number of their terms, and their combination.

Liu, Qi and Fu, "3D-to-2D Distillation for Indoor Scene Parsing", CVPR 2021, Section 3.1. The paper
writes sums (Eq. 1 and 2); its published code takes means. A sum that knows how many terms it has
gives either, for one process and for several of which each sees a part of the batch.
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
PROJECTION = "projection"
"""Name of the term of Eq. 1."""
ADVERSARIAL = "adversarial"
"""Name of the term of Eq. 4."""
PUBLISHED_WEIGHTS = {SEGMENTATION: 1.0, PROJECTION: 0.03, ADVERSARIAL: 0.01}
"""Loss weights of Section 4, "Implementation details"."""


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


def segmentation_sum(pixel_logits: Tensor, labels: Tensor, unlabeled: int) -> LossSum:
    """Cross-entropy of the pixels that have a class, L_s (Eq. 2).

    What is kept for the gradient is one map of log-probabilities in float32: 16 crops of 473 x 473
    pixels and 20 classes take 286 MB.

    Args:
        pixel_logits: [N, classes, H, W], at the labels' size.
        labels: int64 [N, H, W], classes from 0; `unlabeled` does not count.
        unlabeled: id of pixels without a class.

    Returns:
        The sum over valid pixels, and their number.
    """
    total = F.cross_entropy(pixel_logits.float(), labels, ignore_index=unlabeled, reduction="sum")
    return LossSum(total, (labels != unlabeled).sum())


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
        reduction: of ``REDUCTIONS``.
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


def combined_loss(
    terms: Mapping[str, tuple[LossSum, float]],
    reduction: str,
    average_over_processes: Callable[[float], float],
) -> Tensor:
    """The loss of one process, whose gradient is then averaged over the processes.

    ``mean``, as in the published code: L = sum over terms of weight * total / count. ``sum``, the
    paper's: L = sum over terms of weight * total, divided by the number of valid pixels, so that
    learning rates don't depend on the batch's size. The projection's and the adversarial sums are
    then over cells of the feature grid, of which there are fewer than pixels.

    Args:
        terms: sum and weight by name; the same names in the same order in all processes.
        reduction: of ``REDUCTIONS``.
        average_over_processes: see :func:`divisors`.

    Raises:
        ValueError: see :func:`divisors`.
    """
    counts = {name: part.count for name, (part, _) in terms.items()}
    return weighted_loss(terms, divisors(counts, reduction, average_over_processes))
