# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What TensorBoard shows of a distillation."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.networks.branch_config import BranchConfig  # noqa: E402
from seg3d2d_ros.networks.distillation_branch import DistillationBranch  # noqa: E402
from training.distillation.distillation_monitor import DistillationMonitor  # noqa: E402
from training.distillation.losses import projection_sum  # noqa: E402
from training.engine.workers import Workers  # noqa: E402
from training.points.features.features_folder import ChannelStatistics  # noqa: E402

STATISTICS = ChannelStatistics(np.array([1.0, 2.0, 0.5]), np.array([0.5, 2.0, 1.0]), 10)


@pytest.fixture
def batch():
    draw = torch.Generator().manual_seed(0)
    features, simulated = (torch.rand(4, 3, 5, 6, generator=draw) for _ in range(2))
    return simulated, features, torch.rand(4, 5, 6, generator=draw) < 0.4


@pytest.mark.parametrize("norm", ["dn", "bn"])
@pytest.mark.parametrize("parts", [1, 4])
def test_losses_of_network_and_predictors_are_on_the_same_cells(batch, norm, parts):
    """In parts as in one piece, and without dimension norms."""
    branch = DistillationBranch(4, 2, BranchConfig(3, 4, 4, norm))
    monitor = DistillationMonitor(branch, STATISTICS)
    monitor.begin(9, 10)
    for simulated, features, covered in zip(*(maps.chunk(parts) for maps in batch), strict=True):
        monitor.add_simulated(simulated)
        found = projection_sum(simulated, features, covered)
        monitor.add_paired(features, covered, found.total)
    scalars = monitor.scalars(Workers("cpu"))
    simulated, features, covered = batch
    mean = torch.from_numpy(STATISTICS.mean).float().view(1, 3, 1, 1).expand_as(features)
    for name, predicted in (
        ("projection_loss", simulated),
        ("projection_loss_of_the_mean", mean),
        ("projection_loss_of_zero", torch.zeros_like(features)),
    ):
        expected = projection_sum(predicted, features, covered).mean
        assert scalars[f"distillation/{name}"] == pytest.approx(expected, rel=1e-5), name
    assert scalars["distillation/covered"] == pytest.approx(float(covered.float().mean()))
    off = (simulated.double().mean((0, 2, 3)) - torch.from_numpy(STATISTICS.mean)).abs().mean()
    assert scalars["distillation/mean_off_by"] == pytest.approx(float(off), rel=1e-5)


def test_steps_that_are_not_logged_are_not_looked_at(batch):
    simulated, features, covered = batch
    monitor = DistillationMonitor(DistillationBranch(4, 2, BranchConfig(3, 4, 4)), STATISTICS)
    monitor.begin(8, 10)
    monitor.add_simulated(simulated)
    monitor.add_paired(features, covered, features.sum())
    assert not any("projection" in name for name in monitor.scalars(Workers("cpu")))
