# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Schedules, decay and loss of 3D networks."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")


from training.points.experiment import PointTrainingConfig  # noqa: E402
from training.points.networks.registry import build_point_network  # noqa: E402
from training.points.optimisation import (  # noqa: E402
    parameter_groups,
    schedule_factor,
)


def factor(step, progress, steps_per_epoch=10, **settings):
    config = PointTrainingConfig(steps=100, **settings)
    return schedule_factor(config, step, progress, steps_per_epoch)


def test_poly_is_the_published_power():
    assert factor(0, 0.0) == 1.0
    assert factor(60, 0.6) == pytest.approx(0.4**0.9)
    assert factor(100, 1.0) == 0.0


def test_steps_divide_the_rate_every_so_many_epochs():
    factors = [factor(10 * epoch, 0.0, schedule="step") for epoch in (0, 29, 30, 59, 60, 90)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.001])


def test_cosine_falls_by_half_a_period():
    assert factor(0, 0.0, schedule="cosine") == 1.0
    assert factor(0, 0.25, schedule="cosine") == pytest.approx((1 + math.sqrt(0.5)) / 2)
    assert factor(0, 1.0, schedule="cosine") == pytest.approx(0.0)


def test_adamw_spares_biases_of_any_shape_and_sgd_nothing():
    network = build_point_network("res16unet14a", {}, 20)
    names = {id(parameter): name for name, parameter in network.named_parameters()}

    def decays(optimiser):
        config = PointTrainingConfig(steps=1, optimiser=optimiser, weight_decay=0.1)
        groups = parameter_groups(network, config)
        assert sum(len(group["params"]) for group in groups) == len(names)
        return {names[id(p)]: g["weight_decay"] for g in groups for p in g["params"]}

    assert set(decays("sgd").values()) == {0.1}
    adamw = decays("adamw")
    for name, decay in adamw.items():
        assert decay == (0.1 if name.endswith("kernel") else 0.0), name
