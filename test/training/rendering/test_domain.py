# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What the parts of the two domains share, and what they don't."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest

from training.rendering.domain import DOMAIN_SPLITS, DOMAINS, Part

PARTS = [Part(domain, split) for domain in DOMAINS for split in DOMAIN_SPLITS]


def models(count):
    return [SimpleNamespace(key=f"SC:chair{number}") for number in range(count)]


@pytest.mark.parametrize("count", [8, 13, 100])
def test_roles_with_enough_models_are_divided(count):
    chosen = [{m.key for m in part.models(models(count))} for part in PARTS]
    assert all(chosen)
    assert sum(len(keys) for keys in chosen) == count
    assert set().union(*chosen) == {m.key for m in models(count)}
    assert len(chosen[0]) == pytest.approx(0.55 * count, abs=1)


@pytest.mark.parametrize("count", [4, 5, 7])
def test_roles_with_some_models_are_divided_between_the_domains(count):
    a, a_val, b, b_val = ([m.key for m in part.models(models(count))] for part in PARTS)
    assert a == a_val
    assert b == b_val
    assert a
    assert b
    assert not set(a) & set(b)


def test_roles_with_few_models_are_shared():
    for part in PARTS:
        assert part.models(models(3)) == models(3)


@pytest.mark.parametrize("count", [1, 3, 5, 7])
def test_nothing_is_shared_where_code_makes_what_is_missing(count):
    chosen = [{m.key for m in part.models(models(count), made_in_code=True)} for part in PARTS]
    assert chosen[0]
    assert chosen[1] == chosen[3] == set()
    assert not chosen[0] & chosen[2]
    assert bool(chosen[2]) == (count >= 4)


def test_most_models_stay_where_they_are_when_one_is_added():
    before = {m.key for m in PARTS[0].models(models(40))}
    after = {m.key for m in PARTS[0].models(models(41))}
    assert len(before - after) <= 2


def test_parameters_are_disjoint_and_cover_the_range():
    draws = []
    for part in PARTS:
        rng = part.generator(5, 6)
        draws.append(np.array([rng.uniform(2.0, 5.0) for _ in range(4000)]))
    for one, other in combinations(draws, 2):
        # cells smaller than a strip, so that shared ones would show
        cells = [set(np.floor((x - 2.0) / 3.0 * 480).astype(int)) for x in (one, other)]
        assert not cells[0] & cells[1]
    everything = np.concatenate(draws)
    assert everything.min() >= 2.0
    assert everything.max() < 5.0
    assert all(abs(x.mean() - 3.5) < 0.25 for x in draws)


def test_arrays_and_other_draws_are_as_of_any_generator():
    rng, plain = PARTS[0].generator(1, 2), np.random.default_rng([1, 2, 0])
    np.testing.assert_array_equal(rng.uniform(0, 1, 5), plain.uniform(0, 1, 5))
    assert rng.normal() == plain.normal()
    np.testing.assert_array_equal(rng.uniform([0, 1], [1, 2]), plain.uniform([0, 1], [1, 2]))


def test_same_seed_same_values_other_part_other_values():
    def values(part, *seed):
        rng = part.generator(*seed)
        return [rng.uniform(), rng.random(), rng.uniform(3, 4)]

    assert values(PARTS[0], 1, 2) == values(PARTS[0], 1, 2)
    assert values(PARTS[0], 1, 2) != values(PARTS[0], 1, 3)
    assert values(PARTS[0], 1, 2)[1] != values(PARTS[2], 1, 2)[1]
