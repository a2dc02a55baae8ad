# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch

from training.distillation.depth_loss import log_depth_sum


def test_it_is_the_sum_over_measured_cells():
    generator = torch.Generator().manual_seed(0)
    predicted = torch.randn((2, 1, 3, 4), generator=generator)
    depth = torch.rand((2, 3, 4), generator=generator) * 5
    depth[0, 0] = 0
    depth[1, 2, 3] = math.nan
    depth[1, 2, 2] = math.inf
    loss = log_depth_sum(predicted, depth)
    expected, cells = 0.0, 0
    for n in range(2):
        for row in range(3):
            for column in range(4):
                d = float(depth[n, row, column])
                if math.isfinite(d) and d > 0:
                    expected += abs(float(predicted[n, 0, row, column]) - math.log(d))
                    cells += 1
    assert float(loss.total) == pytest.approx(expected, rel=1e-6)
    assert int(loss.count) == cells == 18


def test_where_nothing_was_measured_nothing_is_learned():
    predicted = torch.randn((1, 1, 2, 2), requires_grad=True)
    loss = log_depth_sum(predicted, torch.zeros(1, 2, 2))
    loss.total.backward()
    assert loss.total.item() == 0 == loss.count.item()
    assert predicted.grad is not None
    assert not predicted.grad.any()


def test_a_constant_factor_costs_its_logarithm():
    depth = torch.full((1, 4, 4), 2.0)
    loss = log_depth_sum(torch.log(depth * 3)[:, None], depth)
    assert loss.mean == pytest.approx(math.log(3), rel=1e-6)
