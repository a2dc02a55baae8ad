# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Loops over points as machine code, made by Numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from numba import types

from training.data.intrinsics import Array

# What is only read may be memory that can't be written, such as that of a mapped file.
FLAG = types.boolean
FLOAT = types.float32
INDEX = types.uint32
LENGTH = types.intp
FLAGS = types.Array(FLAG, 1, "C", readonly=True)
FLOATS = types.Array(FLOAT, 1, "C", readonly=True)
FLOAT_ROWS = types.Array(FLOAT, 2, "C", readonly=True)
INDICES = types.Array(INDEX, 1, "C", readonly=True)
# What is filled in.
FLAGS_OUT = types.Array(FLAG, 1, "C")
FLOATS_OUT = types.Array(FLOAT, 1, "C")
FLOAT_ROWS_OUT = types.Array(FLOAT, 2, "C")
INDICES_OUT = types.Array(INDEX, 1, "C")
INDEX_ROWS_OUT = types.Array(INDEX, 2, "C")
KEYS_OUT = types.Array(types.uint64, 1, "C")


def compiled(*argument_types: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function for arguments of these types; where there are none, into its callers.

    That is done when its file is imported for the first time. The machine code is kept in
    `__pycache__` beside the file or, where that can't be written, in Numba's folder of the user, or
    in NUMBA_CACHE_DIR; where nothing can be written, each process compiles for itself. It is made
    anew when that one file has changed, so a function may call only those of its own file, and take
    only constants of its own file.

    Indices are not checked. Who calls from outside sees to it that arrays have the lengths that the
    function asks for; inside, no number becomes an index before it was compared with the bounds in
    a way that is false for what is no number. Sums are made in the written order, so that the
    vector units of a machine change no result.
    """
    signatures = [argument_types] if argument_types else None

    def compile_function(function: Callable[..., Any]) -> Any:
        settings = {
            "nogil": True,
            "error_model": "numpy",  # 1 / 0 is infinite, and not looked for
            "forceinline": not argument_types,
        }
        try:
            return numba.njit(signatures, cache=True, **settings)(function)
        except numba.core.errors.NumbaError:
            raise  # the function can't be compiled, kept or not
        except Exception:
            # No place to keep it, or what is kept there is damaged: a power cut leaves empty files,
            # and unpickling them raises whatever it meets.
            return numba.njit(signatures, **settings)(function)

    return compile_function


def floats(values: npt.ArrayLike) -> Array:
    """The same as contiguous float32; copied only if it is something else."""
    return np.ascontiguousarray(values, np.float32)
