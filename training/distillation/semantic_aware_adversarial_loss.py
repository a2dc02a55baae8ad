# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Adversarial loss by class, for 3D features of other scenes than the images'.

Liu, Qi and Fu, "3D-to-2D Distillation for Indoor Scene Parsing", CVPR 2021, Section 3.3. Widths and
activations of the discriminators are not in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.distillation.class_tiles import class_tiles
from training.distillation.distillation_config import CLASS_TREATMENTS
from training.distillation.process_mean import mean_over_processes
from training.engine.loss_sums import LossSum

LAYERS = 6
"""Fully-connected layers of a discriminator, Section 3.3."""
SLOPE = 0.2
"""Of the leaky ReLU between them."""


@dataclass(frozen=True, eq=False)
class DiscriminatorAccuracy:
    """How many vectors the discriminators tell rightly, by class.

    Attributes:
        simulated: float32 [classes], simulated vectors.
        simulated_right: those of them taken for simulated.
        real: vectors of the 3D network.
        real_right: those of them taken for real.
        left_out: scalar, vectors of no class that a discriminator is trained for.
    """

    simulated: Tensor
    simulated_right: Tensor
    real: Tensor
    real_right: Tensor
    left_out: Tensor

    def __add__(self, other: DiscriminatorAccuracy) -> DiscriminatorAccuracy:
        """Of the vectors of both."""
        return DiscriminatorAccuracy(
            *[mine + theirs for mine, theirs in zip(self._parts, other._parts, strict=True)]
        )

    def mean_over_processes(self) -> DiscriminatorAccuracy:
        """With each number's mean over the processes, which leaves accuracies those of all."""
        return DiscriminatorAccuracy(*[mean_over_processes(part) for part in self._parts])

    @property
    def by_class(self) -> Tensor:
        """Part told rightly of a class's vectors, [classes]; NaN where there are none.

        Near 0.5 the discriminator is deceived, at 1 it tells all.
        """
        return (self.simulated_right + self.real_right) / (self.simulated + self.real)

    @property
    def _parts(self) -> tuple[Tensor, ...]:
        return (self.simulated, self.simulated_right, self.real, self.real_right, self.left_out)


class SemanticAwareAdversarialLoss(nn.Module):
    """Discriminators of simulated against real 3D features, one for each class (Eq. 3 and 4).

    Each has six fully-connected layers with leaky ReLUs between and gives a logit, above 0 for
    real. All of a layer are one batched product of matrices. Steps alternate: the discriminators
    learn from :meth:`discriminator_sum`, then the 2D network from :meth:`generator_sum`.

    ``class_treatment``, with l the terms of the equations:

    - ``pixels``: the sum of l over vectors, as in Eq. 3 and 4, so that frequent classes dominate.
    - ``classes``: the terms of a class c are weighted by M / (K m_c), of the M vectors of K classes
      that m_c are of class c, so that each class that is there counts the same, and the sum is as
      large as before. For discriminators, the simulated and the real vectors of a class are two
      groups that count the same. Numbers are those of all processes that train together.

    Two rules for classes without vectors. Of a class that is absent on one side of a batch nothing
    is learnt from that side; the sum over the other side stays, as in Eq. 3. A class `without_real`
    vectors anywhere, or of no class, would teach its discriminator to call everything simulated,
    and the 2D network nothing but that: such vectors are left out of both sums and counts, and
    counted in :meth:`accuracy`.

    Everything is computed in float32, whatever autocast says. What is kept for the gradients of 16
    maps of 60 x 60 vectors of 96 channels takes 190 MB for the 2D network, and
    for the discriminators 580 MB with as many real vectors.

    Args:
        num_classes: N, that 2D and 3D data have in common.
        width: C, channels of the features.
        hidden: channels between layers; None for `width`.
        shared: one discriminator for all classes, the ablation of Table 7.
        class_treatment: of ``CLASS_TREATMENTS``.
        without_real: classes of which the 3D data has no point.

    Attributes:
        weights: of each layer, [N or 1, in, out].
        biases: [N or 1, out].

    Raises:
        ValueError: if a setting is impossible.
    """

    has_real: Tensor

    def __init__(
        self,
        num_classes: int,
        width: int,
        hidden: int | None = None,
        *,
        shared: bool = False,
        class_treatment: str = "pixels",
        without_real: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if class_treatment not in CLASS_TREATMENTS:
            raise ValueError(
                f"class_treatment is {class_treatment!r}, it must be of "
                f"{', '.join(CLASS_TREATMENTS)}"
            )
        hidden = width if hidden is None else hidden
        for name, value in (("num_classes", num_classes), ("width", width), ("hidden", hidden)):
            if value < 1:
                raise ValueError(f"{name} is {value}, it must be above 0")
        self.num_classes, self.width, self.shared = num_classes, width, shared
        self.class_treatment = class_treatment
        networks = 1 if shared else num_classes
        widths = [width, *[hidden] * (LAYERS - 1), 1]
        self.weights = nn.ParameterList(
            torch.empty(networks, inputs, outputs) for inputs, outputs in pairwise(widths)
        )
        self.biases = nn.ParameterList(torch.zeros(networks, out) for out in widths[1:])
        has_real = torch.ones(num_classes, dtype=torch.bool)
        has_real[list(without_real)] = False
        self.register_buffer("has_real", has_real, persistent=False)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the weights anew, by He et al. for leaky ReLUs; biases are 0."""
        for weight, bias in zip(self.weights, self.biases, strict=True):
            for matrix in weight:
                # of [in, out], so that what PyTorch calls the fan out is the layer's input
                nn.init.kaiming_normal_(matrix, SLOPE, mode="fan_out")
            bias.zero_()

    def discriminator_sum(
        self, simulated: Tensor, classes: Tensor, real: Tensor, real_classes: Tensor
    ) -> LossSum:
        """L_adv of the discriminators (Eq. 3); no gradient passes to the vectors.

        Args:
            simulated: f3D_sim, [M, C].
            classes: int64 [M], of the pixels; others than 0 to N - 1 are left out.
            real: f3D, [R, C].
            real_classes: int64 [R], of the points.

        Returns:
            The sum over both sides, and the number of vectors that it is over.

        Raises:
            ValueError: if the shapes do not fit.
        """
        vectors = [
            self._known(simulated.detach(), classes),
            self._known(real.detach(), real_classes),
        ]
        known = torch.cat([each[1] for each in vectors])
        is_real = torch.arange(len(known), device=known.device) >= len(vectors[0][1])
        logits = self._logits(torch.cat([each[0] for each in vectors]), known, fixed=False)
        # -log(1 - D) = -log sigmoid(-logit)
        losses = -F.logsigmoid(torch.where(is_real, logits, -logits))
        return self._sum(losses, known + self.num_classes * is_real, 2 * self.num_classes)

    def generator_sum(self, simulated: Tensor, classes: Tensor) -> LossSum:
        """L_adv of the 2D network (Eq. 4); no gradient passes to the discriminators.

        Args:
            simulated: f3D_sim, [M, C].
            classes: int64 [M], of the pixels; others than 0 to N - 1 are left out.

        Returns:
            The sum over vectors, and the number of those that it is over.

        Raises:
            ValueError: if the shapes do not fit.
        """
        vectors, known = self._known(simulated, classes)
        losses = -F.logsigmoid(self._logits(vectors, known, fixed=True))
        return self._sum(losses, known, self.num_classes)

    @torch.no_grad()
    def accuracy(
        self, simulated: Tensor, classes: Tensor, real: Tensor, real_classes: Tensor
    ) -> DiscriminatorAccuracy:
        """How the discriminators do on what :meth:`discriminator_sum` takes."""
        counts: list[Tensor] = []
        for vectors, ids, sign in ((simulated, classes, -1), (real, real_classes, 1)):
            some, known = self._known(vectors, ids)
            right = sign * self._logits(some, known, fixed=True) > 0
            for which in (known, known[right]):
                counts.append(torch.bincount(which, minlength=self.num_classes).float())
        left_out = len(simulated) + len(real) - counts[0].sum() - counts[2].sum()
        return DiscriminatorAccuracy(counts[0], counts[1], counts[2], counts[3], left_out)

    def _known(self, vectors: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Those of a class that a discriminator is trained for."""
        if (
            vectors.ndim != 2
            or vectors.shape[1] != self.width
            or classes.shape != vectors.shape[:1]
        ):
            raise ValueError(
                f"vectors of {list(vectors.shape)} with {list(classes.shape)} classes, the "
                f"discriminators are for [M, {self.width}] with [M]: set their width to that of "
                "the 3D features"
            )
        in_range = (classes >= 0) & (classes < self.num_classes)
        chosen = in_range & self.has_real[classes.clamp(0, self.num_classes - 1)]
        return vectors[chosen].float(), classes[chosen]

    def _logits(self, vectors: Tensor, classes: Tensor, *, fixed: bool) -> Tensor:
        """Of each vector by its class's discriminator, [M]."""
        networks = len(self.weights[0])
        tiles = class_tiles(torch.zeros_like(classes) if self.shared else classes, networks)
        with torch.autocast(vectors.device.type, enabled=False):
            values = tiles.fill(vectors)
            for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
                if layer:
                    values = F.leaky_relu(values, SLOPE)
                if fixed:
                    weight, bias = weight.detach(), bias.detach()  # noqa: PLW2901
                offset = bias[tiles.tile_class].unsqueeze(1)
                values = torch.baddbmm(offset, values, weight[tiles.tile_class])
            return tiles.take(values).squeeze(1)

    def _sum(self, losses: Tensor, groups: Tensor, num_groups: int) -> LossSum:
        """Sum over vectors that are of `num_groups` groups."""
        count = torch.tensor(len(losses), device=losses.device)
        if self.class_treatment == "classes":
            counts = torch.bincount(groups, minlength=num_groups).double()
            counts = mean_over_processes(counts)
            present = (counts > 0).sum()
            losses = losses * (counts.sum() / (present * counts)).float()[groups]
        return LossSum(losses.sum(), count)
