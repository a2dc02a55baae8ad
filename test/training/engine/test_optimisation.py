# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Schedule, class weights and averaging against their formulas."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.engine.experiment import TrainingConfig  # noqa: E402
from training.engine.optimisation import (  # noqa: E402
    AveragedWeights,
    class_weights,
    new_optimiser,
    parameter_groups,
    polynomial,
    warm_up,
)


def test_class_weights():
    frequencies = np.array([0.6, 0.3, 0.1, 0.0])
    weights = class_weights(frequencies, 0.5).numpy()
    assert weights[0] / weights[2] == pytest.approx((0.1 / 0.6) ** 0.5, rel=1e-5)
    assert (weights * frequencies).sum() == pytest.approx(1.0, rel=1e-5)
    assert np.isfinite(weights).all()
    assert np.allclose(class_weights(frequencies, 0.0), 1.0)


def test_schedule():
    assert [warm_up(step, 4) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert warm_up(0, 0) == 1.0
    assert polynomial(0.5, 0.9) == pytest.approx(0.5**0.9)
    assert polynomial(0.0, 0.9) == 1.0 and polynomial(1.0, 0.9) == 0.0


def test_only_matrices_decay_and_the_encoder_learns_slower():
    network = torch.nn.Module()
    network.encoder = torch.nn.Conv2d(3, 4, 1)
    network.head = torch.nn.Linear(4, 2)
    config = TrainingConfig(steps=1, learning_rate=1e-2, encoder_rate=0.1, weight_decay=0.5)
    found = {
        tuple(parameter.shape): (group["peak"], group["weight_decay"])
        for group in parameter_groups(network, config)
        for parameter in group["params"]
    }
    assert found == {
        (4, 3, 1, 1): (1e-3, 0.5),
        (4,): (1e-3, 0.0),
        (2, 4): (1e-2, 0.5),
        (2,): (1e-2, 0.0),
    }


def test_optimisers():
    network = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.ones_(network.weight)
    config = TrainingConfig(
        steps=1, optimiser="sgd", momentum=0.5, learning_rate=0.1, weight_decay=0.0
    )
    optimiser = new_optimiser(parameter_groups(network, config), config)
    for _ in range(2):
        network.weight.grad = torch.ones(1, 2)
        optimiser.step()
    # velocities 1 and 1.5, times 0.1
    assert torch.allclose(network.weight, torch.full((1, 2), 1 - 0.25))
    config = TrainingConfig(steps=1)
    optimiser = new_optimiser(parameter_groups(network, config), config)
    assert isinstance(optimiser, torch.optim.AdamW)


def test_averaged_weights_follow_the_recurrence():
    network = torch.nn.BatchNorm1d(1)
    averaged = AveragedWeights(network, 0.5)
    expected = 1.0
    for step in range(5):
        with torch.no_grad():
            network.weight.fill_(10.0 * step)
            network.num_batches_tracked += 1
        averaged.update(network, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * 10.0 * step
    assert float(averaged.state["weight"]) == pytest.approx(expected)
    assert int(averaged.state["num_batches_tracked"]) == 5
