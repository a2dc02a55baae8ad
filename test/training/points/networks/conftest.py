# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""PointWeb as loops over points and pairs, and weights to compare with it."""

import pytest
import torch
from torch import Tensor


class Slow:
    """The layers of PointWeb, point by point and pair by pair, in double precision."""

    def __init__(self, weights: dict[str, Tensor], training: bool = False):
        self.weights, self.training = weights, training

    def layer(self, name: str, rows: Tensor) -> Tensor:
        """Rows [n, c] through a convolution of 1 x 1, batch normalisation and ReLU."""
        w = self.weights
        rows = rows @ w[f"{name}.conv.weight"][:, :, 0, 0].t()
        if f"{name}.conv.bias" in w:
            return rows + w[f"{name}.conv.bias"]
        mean, variance = w[f"{name}.bn.bn.running_mean"], w[f"{name}.bn.bn.running_var"]
        if self.training:
            mean, variance = rows.mean(0), rows.var(0, unbiased=False)
        rows = (rows - mean) / (variance + 1e-5).sqrt()
        return (rows * w[f"{name}.bn.bn.weight"] + w[f"{name}.bn.bn.bias"]).clamp(min=0)

    def mlp(self, name: str, rows: Tensor) -> Tensor:
        number = 0
        while f"{name}.layer{number}.conv.weight" in self.weights:
            rows = self.layer(f"{name}.layer{number}", rows)
            number += 1
        return rows

    def adjustment(self, name: str, groups: Tensor) -> Tensor:
        differences = []
        for group in groups:
            for i, own in enumerate(group):
                for j, other in enumerate(group):
                    differences.append(own if i == j else own - other)
        pairs = torch.stack(differences)
        weights = self.mlp(f"{name}.weight", self.mlp(name, pairs))
        adjustments, pair = [], 0
        for group in groups:
            for own in group:
                total = torch.zeros_like(own)
                for _ in group:
                    total = total + weights[pair] * differences[pair]
                    pair += 1
                adjustments.append(total)
        return torch.stack(adjustments).view_as(groups)

    def abstraction(
        self, name: str, points: Tensor, features: Tensor, kept: int
    ) -> tuple[Tensor, Tensor]:
        """Of one block [n, 3], [n, c]; only in evaluation mode is that as in a batch."""
        chosen = [0]
        while len(chosen) < kept:
            nearest = torch.stack([((points - points[c]) ** 2).sum(1) for c in chosen]).amin(0)
            chosen.append(int(nearest.argmax()))
        groups = []
        for center in points[chosen]:
            order = ((points - center) ** 2).sum(1).argsort(stable=True)[:32]
            groups.append(torch.cat([points[order] - center, features[order]], 1))
        grouped = torch.stack(groups)
        grouped = grouped + self.adjustment(f"{name}.afa.mlp", grouped)
        outputs = self.mlp(f"{name}.mlp", grouped.flatten(0, 1)).view(kept, 32, -1)
        return points[chosen], outputs.amax(1)

    def propagation(
        self, name: str, points: Tensor, features: Tensor, fewer: Tensor, theirs: Tensor
    ) -> Tensor:
        rows = []
        for point, feature in zip(points, features, strict=True):
            distances = ((fewer - point) ** 2).sum(1).sqrt()
            nearest = distances.argsort(stable=True)[:3]
            weights = 1 / (distances[nearest] + 1e-8)
            mixed = (theirs[nearest] * weights[:, None]).sum(0) / weights.sum()
            rows.append(torch.cat([mixed, feature]))
        return self.mlp(name, torch.stack(rows))

    def network(
        self, points: Tensor, features: Tensor, centroids: tuple[int, ...]
    ) -> tuple[Tensor, Tensor]:
        levels = [(points, features)]
        for number, kept in enumerate(centroids):
            levels.append(self.abstraction(f"SA_modules.{number}", *levels[-1], kept))
        coarse = levels[4][1]
        for number in (3, 2, 1, 0):
            coarse = self.propagation(
                f"FP_modules.{number}.mlp", *levels[number], levels[number + 1][0], coarse
            )
        seen = self.layer("FC_layer.0", coarse)
        return seen, self.layer("FC_layer.2", seen)


def _perturbed(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """In double precision, with normalisations that do something."""
    generator = torch.Generator().manual_seed(seed)
    module.double()
    for name, tensor in module.state_dict().items():
        if tensor.ndim == 1:
            low = 0.5 if name.endswith(("running_var", "bn.weight")) else -0.3
            tensor.copy_(low + torch.rand(tensor.shape, generator=generator, dtype=torch.float64))
    return module


@pytest.fixture
def slow():
    """The class of the slow transcription."""
    return Slow


@pytest.fixture
def perturbed():
    """A function that puts a module in double precision, with normalisations that do something."""
    return _perturbed
