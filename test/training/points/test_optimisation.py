# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Schedules, decay and loss of 3D networks."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from training.points.experiment import PointTrainingConfig  # noqa: E402
from training.points.networks.registry import build_point_network  # noqa: E402
from training.points.optimisation import (  # noqa: E402
    label_weight,
    parameter_groups,
    point_loss,
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


def test_losses_of_parts_add_up_to_the_weighted_mean_over_all_rows():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(12, 3, generator=generator)
    labels = torch.tensor([0, 1, -1, 2, 2, 0, 1, 1, -1, -1, 2, 0])
    weights = torch.tensor([0.5, 1.0, 3.0])
    total = float(label_weight(labels, weights))
    assert total == pytest.approx(3 * 0.5 + 3 * 1.0 + 3 * 3.0)
    parts = [(0, 3), (3, 9), (9, 12)]
    summed = sum(point_loss(logits[a:b], labels[a:b], weights, total, 0.1) for a, b in parts)
    expected = F.cross_entropy(
        logits, labels, weights, ignore_index=-1, label_smoothing=0.0, reduction="mean"
    )
    plain = sum(point_loss(logits[a:b], labels[a:b], weights, total, 0.0) for a, b in parts)
    torch.testing.assert_close(plain, expected)
    assert float(summed) != pytest.approx(float(plain))


def test_rows_without_a_class_give_no_gradient():
    logits = torch.randn(4, 3, requires_grad=True)
    labels = torch.tensor([-1, 0, -1, 2])
    point_loss(logits, labels, torch.ones(3), 2.0, 0.0).backward()
    assert (logits.grad[[0, 2]] == 0).all() and (logits.grad[[1, 3]] != 0).all()
