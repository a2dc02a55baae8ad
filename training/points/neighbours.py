# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Nearest neighbours and farthest points within blocks, the same on every device.

On the CPU they are loops that Numba compiles, elsewhere PyTorch operations. Both take squared
distances as (dx * dx + dy * dy) + dz * dz in single precision, each operation rounded, so that they
find the same points. Of points equally far, the one of the lowest index is taken.

The published code (https://github.com/hszhao/PointWeb, MIT, ``lib/pointops``) has the same rule for
nearest neighbours. Among farthest points equally far it takes the one whose index has the lowest
remainder by its number of threads; that makes a difference in exact lattices only. It has a test
that leaves out points near the origin, but does not use it.
"""

from __future__ import annotations

import torch
from torch import Tensor

_DISTANCES = 2**24
"""At a time where PyTorch computes them; each takes 40 bytes on the way."""


@torch.no_grad()
def farthest_points(points: Tensor, count: int) -> Tensor:
    """Farthest point sampling: the first point, then always the one farthest from those chosen.

    Where all points lie on chosen ones, the first is repeated.

    Args:
        points: [B, n, 3], finite, n at least 1.
        count: how many to choose.

    Returns:
        Numbers of points within each block, int64 [B, count].
    """
    points = points.float()
    if points.device.type != "cpu":
        return farthest_points_by_torch(points, count)
    from training.points.neighbour_kernels import fill_farthest_points

    chosen = torch.empty(len(points), count, dtype=torch.int64)
    planes = points.transpose(1, 2).contiguous().numpy()
    for block, numbers in zip(planes, chosen.numpy(), strict=True):
        fill_farthest_points(block, numbers)
    return chosen


def farthest_points_by_torch(points: Tensor, count: int) -> Tensor:
    """The same as :func:`farthest_points` on any device, in PyTorch operations."""
    blocks, number = points.shape[:2]
    chosen = torch.zeros(blocks, count, dtype=torch.int64, device=points.device)
    nearest = torch.full((blocks, number), torch.inf, device=points.device)
    numbers = torch.arange(number, device=points.device)
    for step in range(1, count):
        last = points.gather(1, chosen[:, step - 1, None, None].expand(-1, 1, 3))
        nearest = torch.minimum(nearest, _squared_distances(points, last)[:, 0])
        farthest = nearest == nearest.amax(1, keepdim=True)
        chosen[:, step] = torch.where(farthest, numbers, number).amin(1)
    return chosen


@torch.no_grad()
def nearest_neighbours(points: Tensor, queries: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The nearest points of each query, the nearest first.

    Args:
        points: [B, n, 3], finite.
        queries: [B, m, 3], finite.
        count: how many of each, at most n.

    Returns:
        Numbers of points within each block, int64 [B, m, count], and their squared distances,
        float32 [B, m, count].

    Raises:
        ValueError: if there are fewer points than `count`.
    """
    if points.shape[1] < count:
        raise ValueError(
            f"{count} nearest points were asked for in a block of {points.shape[1]}; blocks need "
            "more points"
        )
    points, queries = points.float(), queries.float()
    if points.device.type != "cpu":
        return nearest_neighbours_by_torch(points, queries, count)
    from training.points.neighbour_kernels import fill_nearest_neighbours

    shape = (*queries.shape[:2], count)
    numbers, squared = torch.empty(shape, dtype=torch.int64), torch.empty(shape)
    planes = points.transpose(1, 2).contiguous().numpy()
    rows = zip(planes, queries.contiguous().numpy(), numbers.numpy(), squared.numpy(), strict=True)
    for arrays in rows:
        fill_nearest_neighbours(*arrays)
    return numbers, squared


def nearest_neighbours_by_torch(
    points: Tensor, queries: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    """The same as :func:`nearest_neighbours` on any device, in PyTorch operations."""
    numbers = torch.arange(points.shape[1], device=points.device)
    found, squared = [], []
    for some in queries.split(max(1, _DISTANCES // (len(points) * points.shape[1])), 1):
        distances = _squared_distances(points, some)
        # bits of what is not negative are in the order of the values; with the number below them,
        # no two are equal
        keys = (distances.view(torch.int32).to(torch.int64) << 32) | numbers
        nearest = keys.topk(count, largest=False, sorted=True).values & 0xFFFFFFFF
        found.append(nearest)
        squared.append(distances.gather(2, nearest))
    return torch.cat(found, 1), torch.cat(squared, 1)


def _squared_distances(points: Tensor, queries: Tensor) -> Tensor:
    """[B, m, n] of points [B, n, 3] and queries [B, m, 3]."""
    x, y, z = (points[:, None, :, k] - queries[:, :, None, k] for k in range(3))
    return (x * x + y * y) + z * z
