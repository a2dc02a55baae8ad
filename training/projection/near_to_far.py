# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The order of visible points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Array
from training.projection.compilation import (
    FLOATS,
    FLOATS_OUT,
    INDICES,
    INDICES_OUT,
    KEYS_OUT,
    compiled,
)
from training.projection.scratch import Scratch

_SCRATCH = Scratch()

Indices = npt.NDArray[np.uint32]


def near_to_far(z: Array, u: Array, v: Array, index: Indices) -> tuple[Array, Array, Indices]:
    """Points by z, those of the very same z in their order.

    Args:
        z: contiguous float32 (K,), above 0.
        u: columns, likewise.
        v: rows, likewise.
        index: contiguous uint32 (K,).

    Returns:
        u, v and index in that order, new arrays.
    """
    ordered = np.empty_like(u), np.empty_like(v), np.empty_like(index)
    once, twice = (_SCRATCH.array(name, len(z), np.uint64) for name in ("once", "twice"))
    _sort_near_to_far(z.view(np.uint32), u, v, index, *ordered, once, twice)
    return ordered


@compiled(
    *(INDICES, FLOATS, FLOATS, INDICES, FLOATS_OUT, FLOATS_OUT, INDICES_OUT),
    *(KEYS_OUT, KEYS_OUT),
)
def _sort_near_to_far(
    depth_bits: npt.NDArray[np.uint32],
    u: Array,
    v: Array,
    index: npt.NDArray[np.uint32],
    sorted_u: Array,
    sorted_v: Array,
    sorted_index: npt.NDArray[np.uint32],
    once: npt.NDArray[np.uint64],
    twice: npt.NDArray[np.uint64],
) -> None:
    """Fill in K points by their depth, those of the same depth in their order.

    Positive floats sort like their bits. Here a radix sort takes them as three digits of 11 bits,
    the lowest first, which keeps the order of equal ones. All arrays are of one length, (K,).
    """
    total = len(depth_bits)
    starts = np.zeros((3, 1 << 11), np.int64)
    for bits in depth_bits:
        starts[0, bits & 0x7FF] += 1
        starts[1, (bits >> 11) & 0x7FF] += 1
        starts[2, bits >> 22] += 1
    for digit in range(3):
        before = 0
        for value in range(1 << 11):
            count = starts[digit, value]
            starts[digit, value] = before
            before += count
    # depth and position in one number
    for k in range(total):
        bits = depth_bits[k]
        value = bits & 0x7FF
        once[starts[0, value]] = (np.uint64(bits) << np.uint64(32)) | np.uint64(k)
        starts[0, value] += 1
    for key in once:
        value = (key >> np.uint64(43)) & np.uint64(0x7FF)
        twice[starts[1, value]] = key
        starts[1, value] += 1
    for key in twice:
        value, k = key >> np.uint64(54), key & np.uint64(0xFFFFFFFF)
        place = starts[2, value]
        starts[2, value] += 1
        sorted_u[place], sorted_v[place], sorted_index[place] = u[k], v[k], index[k]
