# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Holistic term of structured knowledge distillation: a critic of whole segmentation maps.

Liu, Shu, Wang and Shen, "Structured Knowledge Distillation for Dense Prediction", TPAMI 2020. Of
the published code's two losses this is its default, the Wasserstein distance with a gradient
penalty (Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from training.distillation.structured_distillation import check_same_classes
from training.engine.loss_sums import LossSum

GRADIENT_PENALTY = 10.0
"""Weight of the gradient penalty, default of the published code."""
_SLOPE = 0.1
_STAGES = 4


class SelfAttention(nn.Module):
    """Every place takes in values of all others by the likeness of its query to their keys.

    Zhang et al., "Self-Attention Generative Adversarial Networks", ICML 2019: with softmax weights
    a_ij of query_i . key_j over j, y_i = x_i + gamma * sum over j of a_ij value_j.

    Args:
        channels: of the maps, at least 8.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // 8, 1)
        self.key = nn.Conv2d(channels, channels // 8, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, maps: Tensor) -> Tensor:
        """Map [N, C, h, w] to the same shape."""
        query, key, value = (conv(maps).flatten(2) for conv in (self.query, self.key, self.value))
        likeness = torch.softmax(query.transpose(1, 2) @ key, 2)
        return maps + self.gamma * (value @ likeness.transpose(1, 2)).view_as(maps)


class HolisticCritic(nn.Module):
    """Tells maps of a student's class probabilities from those of a 3D teacher.

    Cells without a point are 0 in both, so that coverage does not tell them apart; images without
    any covered cell are left out. Widths, slopes, spectral norm and the places of self-attention
    are the published code's. Its kernels of 4 and its last convolution over 4 x 4 cells, which need
    maps of 65 x 65, are here kernels of 3 and a mean, for maps of any size; its batch norm of the
    logits, which would couple the images that the penalty takes apart, is here the softmax.

    Steps alternate: the critic learns from :meth:`critic_sum`, then the student from
    :meth:`student_sum`. Everything is computed in float32, whatever autocast says.

    Args:
        num_classes: of the maps.
        width: channels of the first of four convolutions, doubled by each further one.
        penalty: weight of the gradient penalty.
    """

    def __init__(
        self, num_classes: int, width: int = 64, penalty: float = GRADIENT_PENALTY
    ) -> None:
        super().__init__()
        self.penalty = penalty
        layers: list[nn.Module] = []
        channels = num_classes
        for stage in range(_STAGES):
            wider = width * 2**stage
            layers.append(spectral_norm(nn.Conv2d(channels, wider, 3, stride=2, padding=1)))
            layers.append(nn.LeakyReLU(_SLOPE))
            if stage >= _STAGES - 2:
                layers.append(SelfAttention(wider))
            channels = wider
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 1, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """Score of each map, [N], of [N, classes, h, w]: higher where it seems a teacher's."""
        with torch.autocast(maps.device.type, enabled=False):
            return self.layers(maps.float()).mean((1, 2, 3))

    def critic_sum(
        self, logits: Tensor, teacher: Tensor, covered: Tensor, mixing: Tensor
    ) -> LossSum:
        """What the critic D learns from; no gradient passes to the maps.

        Over images, D(student) - D(teacher) + penalty * (||gradient of D at mixed|| - 1)^2 with
        mixed = mixing * teacher + (1 - mixing) * student.

        Args:
            logits: of the student, [N, classes, h, w], at the feature grid.
            teacher: logits of the teacher, likewise.
            covered: bool [N, h, w].
            mixing: [N], drawn evenly from 0 to 1 for each image.

        Returns:
            The sum over images with covered cells, and their number.

        Raises:
            ValueError: if the shapes do not fit.
        """
        student, real = (maps.detach() for maps in self._probabilities(logits, teacher, covered))
        share = mixing[covered.flatten(1).any(1)].view(-1, 1, 1, 1)
        mixed = (share * real + (1 - share) * student).requires_grad_()
        (gradient,) = torch.autograd.grad(self(mixed).sum(), mixed, create_graph=True)
        # the root of the norm has no gradient at 0
        norm = (gradient.flatten(1).square().sum(1) + 1e-12).sqrt()
        losses = self(student) - self(real) + self.penalty * (norm - 1).square()
        return LossSum(losses.sum(), torch.tensor(len(losses), device=losses.device))

    def student_sum(self, logits: Tensor, teacher: Tensor, covered: Tensor) -> LossSum:
        """What the student learns from, -D(student); no gradient passes to the critic.

        Args:
            logits: see :meth:`critic_sum`.
            teacher: of which only the shape is looked at.
            covered: bool [N, h, w].

        Returns:
            The sum over images with covered cells, and their number.

        Raises:
            ValueError: if the shapes do not fit.
        """
        student, _ = self._probabilities(logits, teacher, covered)
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        for parameter in trained:
            parameter.requires_grad_(False)
        try:
            scores = self(student)
        finally:
            for parameter in trained:
                parameter.requires_grad_(True)
        return LossSum(-scores.sum(), torch.tensor(len(scores), device=scores.device))

    @staticmethod
    def _probabilities(logits: Tensor, teacher: Tensor, covered: Tensor) -> tuple[Tensor, Tensor]:
        """Of the student and the teacher, of images with covered cells, 0 in other cells."""
        check_same_classes(logits, teacher, covered)
        images = covered.flatten(1).any(1)
        student, real = (
            torch.where(covered[images, None], F.softmax(each[images].float(), 1), 0.0)
            for each in (logits, teacher)
        )
        return student, real
