# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Memory that is used again: fresh memory costs more time than what is computed in it."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt


class Scratch(threading.local):
    """Arrays by name, of each thread its own. What is in them is good until the next use."""

    def __init__(self) -> None:
        self._arrays: dict[str, npt.NDArray[Any]] = {}

    def array(self, name: str, length: int, kind: type[np.generic]) -> npt.NDArray[Any]:
        """So many elements; more memory is taken only if that of before does not do."""
        if name not in self._arrays or len(self._arrays[name]) < length:
            self._arrays[name] = np.empty(length, kind)
        return self._arrays[name][:length]
