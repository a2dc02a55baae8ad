# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Levels of the projection loss that need no learning: a trained network must get below both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.points.features.array_file import PointFeaturesError


@dataclass(frozen=True)
class SanityLevels:
    """Means over covered cells of the squared distance of Eq. 1, without the loss weight.

    Attributes:
        constant_mean: of a predictor that says the features' mean everywhere: the sum of their
            variances.
        zero: of one that says 0: the mean of their squared norm.
    """

    constant_mean: float
    zero: float


def sanity_levels(mean: npt.ArrayLike, variance: npt.ArrayLike) -> SanityLevels:
    """From the statistics of the features that are to be simulated.

    Args:
        mean: by channel, [C], in any shape of that size.
        variance: likewise, of the population.

    Raises:
        PointFeaturesError: if they are of different widths, or can't be statistics.
    """
    means, variances = (np.asarray(values, np.float64).ravel() for values in (mean, variance))
    if means.shape != variances.shape:
        raise PointFeaturesError(
            f"the features' mean has {len(means)} channels and their variance {len(variances)}; "
            "take both of the same features"
        )
    if not (np.isfinite(means).all() and np.isfinite(variances).all() and (variances >= 0).all()):
        raise PointFeaturesError(
            "the features' statistics hold NaN, inf or a variance below 0; make them anew"
        )
    constant_mean = float(variances.sum())
    return SanityLevels(constant_mean, constant_mean + float(means @ means))
