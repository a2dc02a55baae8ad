# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Dimension normalisation: features brought to the statistics of another network's features.

Liu, Qi and Fu, "3D-to-2D Distillation for Indoor Scene Parsing", CVPR 2021, Section 3.2, Table 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORMS = ("dn", "bn", "none")
"""Dimension norm; batch norm in its place, as in the ablation of Table 7; nothing."""
AFFINES = ("outer", "inner", "none")
"""Where a dimension norm's learnable scale and shift are: outside, as in Table 1; inside, between
normalisation and target statistics, as in the published code; nowhere."""


class DimensionNorm(nn.Module):
    """Normalises by the batch, then brings to target statistics (Table 1).

    By channel, in training, with the batch's mean and deviation::

        outer: y = delta_sigma * (target_std * (x - mean) / std + target_mean) + delta_mu
        inner: y = target_std * (delta_sigma * (x - mean) / std + delta_mu) + target_mean

    ``outer`` is Table 1, ``inner`` the published code. The batch is that of all processes that
    train together; in evaluation, running averages of its statistics take their place. The target
    is set once, before training, by :meth:`set_target`; it is stored with the weights.

    Args:
        channels: C.
        affine: of ``AFFINES``.
        momentum: weight of a batch in the running averages.
        eps: added to the variance, as in batch norm.

    Attributes:
        delta_sigma: learnable scale, [C], from 1.
        delta_mu: learnable shift, [C], from 0.
        target_mean: of the features to be alike, [C].
        target_std: their standard deviation, [C].
        running_mean, running_var: averages of the batches', [C].

    Raises:
        ValueError: if there is no such `affine`.
    """

    target_mean: Tensor
    target_std: Tensor
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self, channels: int, affine: str = "outer", momentum: float = 0.1, eps: float = 1e-5
    ) -> None:
        super().__init__()
        if affine not in AFFINES:
            raise ValueError(f"dn_affine is {affine!r}, it must be of {', '.join(AFFINES)}")
        self.channels, self.affine, self.momentum, self.eps = channels, affine, momentum, eps
        if affine != "none":
            self.delta_sigma = nn.Parameter(torch.ones(channels))
            self.delta_mu = nn.Parameter(torch.zeros(channels))
        for name, value in (
            ("target_mean", torch.zeros(channels)),
            ("target_std", torch.ones(channels)),
            ("running_mean", torch.zeros(channels)),
            ("running_var", torch.ones(channels)),
            ("num_batches_tracked", torch.zeros((), dtype=torch.long)),
        ):
            self.register_buffer(name, value)

    @torch.no_grad()
    def set_target(self, mean: Sequence[float] | Tensor, std: Sequence[float] | Tensor) -> None:
        """Set what features are brought to.

        Args:
            mean: [C], or [1] for all channels.
            std: likewise, above 0.

        Raises:
            ValueError: if they are of another number of channels, or can't be statistics.
        """
        checked = [
            self._of_channels(what, values, lowest)
            for what, values, lowest in (("mean", mean, -torch.inf), ("deviation", std, 0.0))
        ]
        self.target_mean.copy_(checked[0])
        self.target_std.copy_(checked[1])

    def _of_channels(self, what: str, values: Sequence[float] | Tensor, lowest: float) -> Tensor:
        given = torch.as_tensor(values, dtype=torch.float32).flatten()
        if len(given) not in (1, self.channels):
            raise ValueError(
                f"the target {what} has {len(given)} channels, the features to normalise "
                f"{self.channels}"
            )
        wrong = ~(torch.isfinite(given) & (given > lowest))
        if wrong.any():
            channel = int(wrong.int().argmax())
            raise ValueError(
                f"the target {what} of channel {channel} is {float(given[channel]):g}; a "
                "deviation must be above 0, and both must be finite"
            )
        return given.expand(self.channels)

    @torch.no_grad()
    def follow(self, features: Tensor) -> None:
        """Move the target towards mean and deviation of features, each over all channels.

        Over all processes that train together, and with the momentum of the running averages.

        Args:
            features: any shape.
        """
        values = features.float()
        moments = torch.stack([values.sum(), values.square().sum()])
        moments = torch.cat([moments, moments.new_tensor([values.numel()])]).double()
        if _trains_with_others():
            torch.distributed.all_reduce(moments)
        mean, square = moments[:2] / moments[2]
        std = (square - mean.square()).clamp(min=self.eps).sqrt()
        first = int(self.num_batches_tracked) == 0
        for target, value in ((self.target_mean, mean), (self.target_std, std)):
            target.lerp_(value.to(target.dtype), 1.0 if first else self.momentum)

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """What normalised features are multiplied by and what is then added, [C] each."""
        if self.affine == "outer":
            scale = self.delta_sigma * self.target_std
            return scale, self.delta_sigma * self.target_mean + self.delta_mu
        if self.affine == "inner":
            scale = self.delta_sigma * self.target_std
            return scale, self.target_std * self.delta_mu + self.target_mean
        return self.target_std, self.target_mean

    def running_scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """The whole module in evaluation: y = scale x + shift, [C] each."""
        scale, shift = self.scale_and_shift()
        scale = scale * torch.rsqrt(self.running_var + self.eps)
        return scale, shift - scale * self.running_mean

    def forward(self, features: Tensor) -> Tensor:
        """Map [N, C, H, W] to the same shape.

        Raises:
            ValueError: in training, if a channel has a single value only.
        """
        scale, shift = self.scale_and_shift()
        if not self.training:
            return F.batch_norm(
                features, self.running_mean, self.running_var, scale, shift, eps=self.eps
            )
        self.num_batches_tracked += 1
        if _trains_with_others():
            return self._over_all_processes(features, scale, shift)
        return F.batch_norm(
            features,
            self.running_mean,
            self.running_var,
            scale,
            shift,
            training=True,
            momentum=self.momentum,
            eps=self.eps,
        )

    def _over_all_processes(self, features: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """With the statistics of the joined batch; gradients pass through them."""
        from torch.distributed.nn.functional import all_reduce

        values = features.to(torch.promote_types(features.dtype, torch.float32))
        count = values.new_tensor(values.numel() / self.channels)
        torch.distributed.all_reduce(count)
        mean = all_reduce(values.sum((0, 2, 3))) / count
        centred = values - mean.view(1, -1, 1, 1)
        # of what is centred, as a difference of squares would lose a small variance
        variance = all_reduce(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            unbiased = variance * count / (count - 1).clamp(min=1)
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        factor = (scale * torch.rsqrt(variance + self.eps)).view(1, -1, 1, 1)
        return (centred * factor + shift.view(1, -1, 1, 1)).to(features.dtype)


def _trains_with_others() -> bool:
    distributed = torch.distributed
    return (
        distributed.is_available()
        and distributed.is_initialized()
        and (distributed.get_world_size() > 1)
    )


def normalisation(norm: str, channels: int, affine: str = "outer") -> nn.Module:
    """A dimension norm or what is put in its place.

    Args:
        norm: of ``NORMS``.
        channels: C.
        affine: of ``AFFINES``, for a dimension norm.

    Raises:
        ValueError: if there is no such norm or affine.
    """
    if norm == "dn":
        return DimensionNorm(channels, affine)
    if norm == "bn":
        return nn.BatchNorm2d(channels)
    if norm == "none":
        return nn.Identity()
    raise ValueError(f"norm is {norm!r}, it must be of {', '.join(NORMS)}")
