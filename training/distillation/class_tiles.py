# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Vectors grouped by class in tiles of equally many rows, for networks of which each class has one.

A group padded to the length of the longest would take a multiple of the vectors' memory, as most
pixels are wall and floor. Tiles of a single class each are padded by less than a tile a class, and
how many they are at most is known without looking at the classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_FEWEST, _MOST = 8, 256
"""Rows of a tile."""


@dataclass(frozen=True, eq=False)
class ClassTiles:
    """Where each of M vectors lies in T tiles.

    Attributes:
        rows: of a tile.
        slot: int64 [M], row of each vector, tiles one after the other, each row once.
        tile_class: int64 [T], the class of all vectors in a tile; 0 where it has none.
    """

    rows: int
    slot: Tensor
    tile_class: Tensor

    def fill(self, vectors: Tensor) -> Tensor:
        """Vectors [M, C] in their tiles, [T, rows, C], between them rows of 0."""
        slots = len(self.tile_class) * self.rows
        tiles = vectors.new_zeros(slots, vectors.shape[1]).index_copy(0, self.slot, vectors)
        return tiles.view(-1, self.rows, vectors.shape[1])

    def take(self, tiles: Tensor) -> Tensor:
        """What became of each vector, [M, D], of [T, rows, D]."""
        return tiles.flatten(0, 1)[self.slot]


def class_tiles(classes: Tensor, num_classes: int) -> ClassTiles:
    """Tiles for vectors of some classes.

    Args:
        classes: int64 [M], 0 to `num_classes` - 1.
        num_classes: N.

    Returns:
        Tiles of R rows, floor(M / R) + N of them; R is a power of 2 that grows with M / N.
    """
    rows = _FEWEST
    while rows < _MOST and rows * num_classes < len(classes):
        rows *= 2
    tiles = len(classes) // rows + num_classes  # each class begins a tile of its own
    counts = torch.bincount(classes, minlength=num_classes)
    own_tiles = (counts + rows - 1) // rows
    first_tile = own_tiles.cumsum(0) - own_tiles
    first_row = counts.cumsum(0) - counts
    order = torch.argsort(classes, stable=True)
    in_order = classes[order]
    rank = torch.arange(len(classes), device=classes.device) - first_row[in_order]
    slot = torch.empty_like(order)
    slot[order] = first_tile[in_order] * rows + rank
    tile_class = torch.zeros(tiles, dtype=torch.int64, device=classes.device)
    tile_class[slot // rows] = classes
    return ClassTiles(rows, slot, tile_class)
