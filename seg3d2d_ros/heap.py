# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The C library's heap, where models come and go in several threads."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # glibc's malloc.h


def share_heap_between_threads(arenas: int = 2) -> bool:
    """Have all threads of this process allocate from few parts of the heap (glibc's arenas).

    Otherwise each thread gets its own, and a model that one thread loads and others use leaves
    holes in all of them: a process grows by about 1 MB with each that takes another's place.

    Call it before threads are started.

    Args:
        arenas: how many parts.

    Returns:
        Whether the C library did so; others than glibc have nothing to set.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt is not None and mallopt(_M_ARENA_MAX, arenas))
