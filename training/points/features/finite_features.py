# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Features that are no finite numbers: a scene that has any is left out as a whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.points.features.array_file import PointFeaturesError

_ROWS = 65536
"""Rows looked through at a time."""


class NotFiniteError(PointFeaturesError):
    """Features of a scene hold NaN or inf; the message is one sentence."""


def check_finite(features: npt.NDArray[np.float16], where: str) -> None:
    """Look through all features of a scene.

    Args:
        features: [n, width].
        where: their file, for the message.

    Raises:
        NotFiniteError: if one is NaN or inf.
    """
    for start in range(0, len(features), _ROWS):
        finite = np.isfinite(features[start : start + _ROWS])
        if not finite.all():
            point, channel = np.argwhere(~finite)[0]
            raise NotFiniteError(
                f"{where}: the features hold NaN or inf, first at point {start + point} in channel "
                f"{channel}; make them anew with a teacher whose weights are finite"
            )
