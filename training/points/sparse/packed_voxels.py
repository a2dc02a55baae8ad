# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Voxels as 64-bit keys: sorting, rounding and neighbours are integer arithmetic."""

from __future__ import annotations

import torch
from torch import Tensor

_BITS = 17
_BIAS = 2 ** (_BITS - 1)
_SHIFTS = (3 * _BITS, 2 * _BITS, _BITS, 0)


def pack(coordinates: Tensor) -> Tensor:
    """Keys int64 [n] of voxels [n, 4] (scene, x, y, z); their order is that of the coordinates.

    Each of x, y and z has 17 bits, the scene 12. That is twice the range that
    :func:`~training.points.sparse.voxel_pyramid.check_voxels` allows, so a key plus
    :func:`pack_offset` is the key of the neighbour, and never that of another row or scene, up to
    offsets of 32768 beyond the edge.
    """
    scene, x, y, z = coordinates.to(torch.int64).unbind(1)
    return (
        (scene << _SHIFTS[0])
        | ((x + _BIAS) << _SHIFTS[1])
        | ((y + _BIAS) << _SHIFTS[2])
        | (z + _BIAS)
    )


def unpack(keys: Tensor) -> Tensor:
    """Voxels int32 [n, 4] of keys."""
    scene = keys >> _SHIFTS[0]
    rest = [((keys >> shift) & (2**_BITS - 1)) - _BIAS for shift in _SHIFTS[1:]]
    return torch.stack([scene, *rest], 1).to(torch.int32)


def pack_offset(x: int, y: int, z: int) -> int:
    """What to add to a key to get the key of the voxel x, y, z further."""
    return (x << _SHIFTS[1]) + (y << _SHIFTS[2]) + z


def round_down(keys: Tensor, stride: int) -> Tensor:
    """Keys of the voxels of `stride`, a power of two, that hold the given ones."""
    low = stride - 1
    # the bias is a multiple of every stride, so clearing low bits rounds towards minus infinity
    mask = ~((low << _SHIFTS[1]) | (low << _SHIFTS[2]) | low)
    return keys & mask
