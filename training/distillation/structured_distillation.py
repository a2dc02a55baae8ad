# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Structured knowledge distillation with a 3D teacher, a baseline of Table 2.

Liu, Shu, Wang and Shen, "Structured Knowledge Distillation for Dense Prediction", TPAMI 2020, whose
2D teacher Liu, Qi and Fu replace by a 3D network (Section 4.1). Its features are projected as for
the method itself, and its own last layer makes logits of them. As they are only at the cells that
points cover, so is all that is compared. Of the three terms, pixel-wise and pair-wise ones are
here, the holistic one is in :mod:`training.distillation.holistic_critic`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.distillation.losses import check_projected, covered_rows
from training.engine.loss_sums import LossSum


def teacher_logits(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """What a 3D network's last layer says of its projected features.

    Args:
        features: [N, C, h, w].
        weight: of the layer, [classes, C].
        bias: [classes].

    Returns:
        float32 [N, classes, h, w]; of no meaning where no point projects to.

    Raises:
        ValueError: if the shapes do not fit.
    """
    if weight.ndim != 2 or features.shape[1] != weight.shape[1] or bias.shape != weight.shape[:1]:
        raise ValueError(
            f"a classifier of {list(weight.shape)} with {list(bias.shape)} does not fit features "
            f"of {list(features.shape)}; take the one that is stored beside these features"
        )
    return torch.einsum("nchw,kc->nkhw", features.float(), weight) + bias.view(1, -1, 1, 1)


def pixel_wise_sum(logits: Tensor, teacher: Tensor, covered: Tensor) -> LossSum:
    """Kullback-Leibler divergence of class probabilities at covered cells.

    With q of the teacher and p of the student, sum over classes of q log(q / p). The published code
    leaves the teacher's entropy out, which has no gradient.

    Args:
        logits: of the student, [N, classes, h, w], at the feature grid.
        teacher: logits of the teacher, likewise; no gradient passes to it.
        covered: bool [N, h, w].

    Returns:
        The sum over covered cells, and their number.

    Raises:
        ValueError: if the shapes do not fit.
    """
    check_same_classes(logits, teacher, covered)
    student = F.log_softmax(covered_rows(logits, covered), 1)
    target = F.log_softmax(covered_rows(teacher.detach(), covered), 1)
    total = F.kl_div(student, target, reduction="sum", log_target=True)
    return LossSum(total, covered.sum())


def pair_wise_sum(student: Tensor, teacher: Tensor, covered: Tensor, patch: int) -> LossSum:
    """Squared difference of similarities between places, of the student's and the teacher's.

    A node is a patch of cells, of whose covered ones the features' mean is taken. The similarity of
    two nodes of an image is the cosine of the angle between their features, so widths may differ.
    Patches without a covered cell are no nodes. The published code takes each channel's maximum,
    which with few covered cells would depend on their number, and keeps norms from the gradient.

    Args:
        student: features, [N, D, h, w].
        teacher: projected 3D features, [N, C, h, w]; no gradient passes to it.
        covered: bool [N, h, w].
        patch: cells along a node's side, at least 1; at the lower and right edge patches may be
            cut off. The published code's nodes are quarters of the map.

    Returns:
        The sum over ordered pairs of nodes of the same image, those of a node and itself among
        them, and the number of pairs.

    Raises:
        ValueError: if the shapes do not fit, or `patch` is below 1.
    """
    if patch < 1:
        raise ValueError(f"patch is {patch}, it must be above 0")
    check_projected(teacher, covered)
    check_projected(student, covered)
    nodes = _patch_sums(covered[:, None].float(), patch)[:, 0] > 0
    similarities = [_cosines(each, covered, patch) for each in (student, teacher.detach())]
    pairs = nodes[:, :, None] & nodes[:, None, :]
    difference = torch.where(pairs, similarities[0] - similarities[1], 0.0)
    return LossSum(difference.square().sum(), pairs.sum())


def check_same_classes(logits: Tensor, teacher: Tensor, covered: Tensor) -> None:
    """Whether logits of student and teacher can be compared.

    Raises:
        ValueError: if not.
    """
    check_projected(teacher, covered)
    if logits.shape != teacher.shape:
        raise ValueError(
            f"the student's logits are {list(logits.shape)}, the teacher's {list(teacher.shape)}: "
            "both must be of the same classes and feature grid"
        )


def _patch_sums(maps: Tensor, patch: int) -> Tensor:
    """Sums over patches, [N, C, nodes], of maps [N, C, h, w]."""
    sums = F.avg_pool2d(maps, patch, ceil_mode=True, divisor_override=1)
    return sums.flatten(2)


def _cosines(maps: Tensor, covered: Tensor, patch: int) -> Tensor:
    """Similarities of nodes, [N, nodes, nodes]; the mean of covered cells has their sum's angle."""
    nodes = _patch_sums(torch.where(covered[:, None], maps.float(), 0.0), patch)
    unit = F.normalize(nodes, dim=1, eps=1e-6)
    return unit.transpose(1, 2) @ unit
