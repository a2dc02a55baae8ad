# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Mean and variance of many rows in float64, from parts that can be merged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_ROWS = 8192
"""Rows at a time, so that what is in float64 stays small."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and sum of squared deviations by channel.

    Attributes:
        count: of rows; with 0 of them the rest is 0.
        mean: float64 [c].
        m2: float64 [c], sum over the rows of (value - mean) squared.
    """

    count: int
    mean: npt.NDArray[np.float64]
    m2: npt.NDArray[np.float64]

    @classmethod
    def none(cls, channels: int) -> Moments:
        """Of no rows."""
        return cls(0, np.zeros(channels), np.zeros(channels))

    @classmethod
    def of(cls, rows: npt.NDArray[Any]) -> Moments:
        """Of rows [n, c] of any floating type.

        Each block of rows takes two passes, deviations being from its own mean, and is merged into
        those before it: the same rows give the same bits.
        """
        found = cls.none(rows.shape[1])
        for start in range(0, len(rows), _ROWS):
            block = np.array(rows[start : start + _ROWS], np.float64, order="C")
            mean = block.mean(0)
            block -= mean
            # what rounding of the mean left is taken out, so that it does not count as variance
            left = block.sum(0)
            m2 = np.einsum("ij,ij->j", block, block) - left * left / len(block)
            found = found.merge(cls(len(block), mean + left / len(block), np.maximum(m2, 0)))
        return found

    def merge(self, other: Moments) -> Moments:
        """Of the rows of both.

        The pairwise update of Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm
        for computing sample variances", Stanford STAN-CS-79-773, 1979: exact but for rounding.
        """
        if not self.count or not other.count:
            return self if self.count else other
        few, many = sorted((self, other), key=lambda part: part.count)
        count = few.count + many.count
        delta = few.mean - many.mean
        mean = many.mean + delta * (few.count / count)
        m2 = many.m2 + few.m2 + delta * delta * (many.count * (few.count / count))
        return Moments(count, mean, m2)

    def like(self, other: Moments) -> bool:
        """Whether both are of the same rows, one of them perhaps summed in single precision."""
        spread = np.sqrt(other.variance)
        same_mean = np.abs(self.mean - other.mean) <= 1e-4 * (spread + np.abs(other.mean))
        slack = 1e-9 * other.count * other.mean**2
        same_m2 = np.abs(self.m2 - other.m2) <= 1e-3 * other.m2 + slack
        return self.count == other.count and bool(same_mean.all() and same_m2.all())

    @property
    def variance(self) -> npt.NDArray[np.float64]:
        """Population variance by channel, float64 [c]: m2 / count; 0 where there are no rows."""
        return self.m2 / max(self.count, 1)


def merge_all(moments: Iterable[Moments], channels: int) -> Moments:
    """Merged one after the other; the order decides the last bits."""
    merged = Moments.none(channels)
    for part in moments:
        merged = merged.merge(part)
    return merged
