# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Colours of points that are drawn over a dimmed image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

LEAST_BRIGHT = 115
"""Brightest channel of a dot, so that dark classes stand out from the dark image."""


def lifted(colors: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Colours whose brightest channel is no darker than ``LEAST_BRIGHT``, of the same hue.

    Args:
        colors: uint8 (K, 3).

    Returns:
        uint8 (K, 3); black becomes a little lighter than black only.
    """
    brightest = np.maximum(colors.max(1, keepdims=True, initial=0), 1).astype(np.float32)
    return np.rint(colors * np.maximum(LEAST_BRIGHT / brightest, 1)).astype(np.uint8)
