# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Moments against exact arithmetic, and NumPy in extended precision."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from training.points.features.moments import Moments, merge_all


def exact(rows):
    """Mean and population variance by channel, in fractions."""
    means, variances = [], []
    for column in np.asarray(rows, np.float64).T:
        values = [Fraction(float(value)) for value in column]
        mean = sum(values) / len(values)
        means.append(float(mean))
        variances.append(float(sum((value - mean) ** 2 for value in values) / len(values)))
    return np.array(means), np.array(variances)


def split(rows, parts, rng):
    cuts = np.sort(rng.integers(0, len(rows) + 1, parts - 1))
    return np.split(rows, cuts)


def test_a_large_mean_does_not_swallow_a_small_variance():
    rng = np.random.default_rng(0)
    rows = 1e6 + rng.normal(0, 1e-3, (20000, 3))
    mean, variance = exact(rows)
    whole = Moments.of(rows)
    parts = merge_all(map(Moments.of, split(rows, 37, rng)), 3)
    for found in (whole, parts):
        assert found.count == 20000
        np.testing.assert_allclose(found.mean, mean, rtol=1e-15)
        np.testing.assert_allclose(found.variance, variance, rtol=1e-6)
    # mean of squares less square of the mean, the naive formula, is wrong by more than all of it
    naive = (rows * rows).mean(0) - rows.mean(0) ** 2
    assert (np.abs(naive / variance - 1) > 1).any()


def test_half_precision_rows_are_summed_in_double():
    rng = np.random.default_rng(1)
    rows = np.concatenate(
        [rng.normal(60000, 30, (9000, 2)), rng.normal(0.001, 0.0004, (9000, 2))], 1
    ).astype(np.float16)
    mean, variance = exact(rows)
    found = Moments.of(rows)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-14)
    np.testing.assert_allclose(found.variance, variance, rtol=1e-12)
    wide = rows.astype(np.longdouble)
    np.testing.assert_allclose(found.variance, wide.var(0).astype(float), rtol=1e-12)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_parts_of_any_size_give_what_the_whole_gives(kind):
    rng = np.random.default_rng(2)
    rows = (rng.lognormal(0, 2, (5000, 4)) * [1e-3, 1, 10, 100]).clip(0, 60000).astype(kind)
    whole = rows.astype(np.float64)
    parts = [*split(rows, 60, rng), rows[:0]]
    found = merge_all(map(Moments.of, parts), 4)
    np.testing.assert_allclose(found.mean, whole.mean(0), rtol=1e-13)
    np.testing.assert_allclose(found.variance, whole.var(0), rtol=1e-12)


def test_a_constant_channel_has_a_variance_of_exactly_nothing():
    values = np.array([0.1, 33.3, 60001.5, 6e-8], np.float16)
    rows = np.tile(values, (30000, 1))
    found = merge_all(map(Moments.of, np.array_split(rows, 7)), 4)
    assert found.variance.tolist() == [0.0] * 4
    assert found.mean.tolist() == values.tolist()


def test_far_apart_parts_of_unequal_size_merge_exactly():
    rows = np.concatenate([np.full((1, 1), 1e8), np.linspace(-1, 1, 12345)[:, None]])
    mean, variance = exact(rows)
    found = Moments.of(rows[:1]).merge(Moments.of(rows[1:]))
    np.testing.assert_allclose(found.mean, mean, rtol=1e-14)
    np.testing.assert_allclose(found.variance, variance, rtol=1e-14)


def test_no_rows_change_nothing():
    some = Moments.of(np.arange(6.0).reshape(3, 2))
    for merged in (some.merge(Moments.none(2)), Moments.none(2).merge(some)):
        assert merged is some
    assert merge_all([], 2).count == 0
    assert merge_all([], 2).variance.tolist() == [0, 0]


def test_the_same_rows_give_the_same_bits_whatever_their_layout():
    rows = np.random.default_rng(3).normal(5, 2, (20001, 6)).astype(np.float16)
    one, other = Moments.of(rows), Moments.of(np.asfortranarray(rows))
    assert one.mean.tobytes() == other.mean.tobytes()
    assert one.m2.tobytes() == other.m2.tobytes()
