# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Layers that see each point alone, with the weights' names and shapes of PointWeb's.

There they are convolutions of 1 x 1 pixels (https://github.com/hszhao/PointWeb, MIT); here products
of rows, whose channels are next to each other in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PointBatchNorm(nn.Module):
    """Batch normalisation of rows [n, channels]; its statistics are named ``bn.*``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm1d(channels)

    def forward(self, rows: Tensor) -> Tensor:
        """Normalised rows."""
        return self.bn(rows)


class PointwiseLayer(nn.Module):
    """A linear layer, batch normalisation and ReLU; or a linear layer with a bias alone.

    Args:
        in_channels: of each row.
        out_channels: of each row.
        normalized: whether there are batch normalisation and ReLU.
    """

    def __init__(self, in_channels: int, out_channels: int, *, normalized: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1, bias=not normalized)
        nn.init.kaiming_normal_(self.conv.weight)
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)
        self.bn = PointBatchNorm(out_channels) if normalized else None

    @property
    def weight(self) -> Tensor:
        """[out_channels, in_channels]."""
        return self.conv.weight.flatten(1)

    def forward(self, rows: Tensor) -> Tensor:
        """[n, out_channels] of rows [n, in_channels]."""
        rows = F.linear(rows, self.weight, self.conv.bias)
        return rows if self.bn is None else torch.relu(self.bn(rows))


class SharedMLP(nn.Module):
    """Layers one after the other, named ``layer0``, ``layer1`` ...

    Args:
        widths: channels of the input and of each layer.
        normalized: whether layers have batch normalisation and ReLU.
    """

    def __init__(self, widths: Sequence[int], *, normalized: bool = True) -> None:
        super().__init__()
        self.names = [f"layer{k}" for k in range(len(widths) - 1)]
        for name, channels, out in zip(self.names, widths, widths[1:], strict=False):
            self.add_module(name, PointwiseLayer(channels, out, normalized=normalized))

    @property
    def layers(self) -> list[PointwiseLayer]:
        """In order."""
        return [self.get_submodule(name) for name in self.names]  # type: ignore[misc]

    def forward(self, rows: Tensor) -> Tensor:
        """[n, widths[-1]] of rows [n, widths[0]]."""
        for layer in self.layers:
            rows = layer(rows)
        return rows
