# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The head of 3D-to-2D distillation."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from seg3d2d_ros.networks.branch_config import BranchConfig  # noqa: E402
from seg3d2d_ros.networks.dimension_norm import DimensionNorm  # noqa: E402
from seg3d2d_ros.networks.distillation_branch import DistillationBranch  # noqa: E402

SMALL = BranchConfig(feature_width=6, hidden=8, width_2d=5)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_parameters_are_those_of_the_published_head():
    with torch.device("meta"):
        branch = DistillationBranch(4096, 20, BranchConfig())
    assert count(branch.conv1) == 18_924_640
    assert count(branch.conv2) == count(branch.conv3) == 92_448
    assert count(branch.branch_2d) == 18_974_272
    assert count(branch.norm1) == count(branch.norm2) == 2 * 96
    assert branch.feature_width == 288


def test_it_computes_figure_3():
    torch.manual_seed(0)
    branch = DistillationBranch(7, 4, SMALL).eval()
    for module in branch.modules():
        if isinstance(module, (nn.BatchNorm2d, DimensionNorm)):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    for norm in branch.dimension_norms:
        norm.set_target(torch.rand(6), torch.rand(6) + 0.1)
        nn.init.normal_(norm.delta_sigma)
        nn.init.normal_(norm.delta_mu)
    state = branch.state_dict()

    def conv(x, name):
        weight = state[f"{name}.weight"]
        return F.conv2d(x, weight, state.get(f"{name}.bias"), padding=weight.shape[-1] // 2)

    def norm(x, name):
        of = {k: state[f"{name}.{k}"].view(1, -1, 1, 1) for k in ("running_mean", "running_var")}
        x = (x - of["running_mean"]) / torch.sqrt(of["running_var"] + 1e-5)
        scale, shift = (state[f"{name}.{k}"].view(1, -1, 1, 1) for k in ("weight", "bias"))
        return x * scale + shift

    def dimension_norm(x, name):
        of = {k: state[f"{name}.{k}"].view(1, -1, 1, 1) for k in state_names}
        x = (x - of["running_mean"]) / torch.sqrt(of["running_var"] + 1e-5)
        return of["delta_sigma"] * (of["target_std"] * x + of["target_mean"]) + of["delta_mu"]

    state_names = (
        *("running_mean", "running_var", "delta_sigma", "delta_mu"),
        *("target_mean", "target_std"),
    )
    features = torch.randn(2, 7, 5, 9)
    x = conv(F.relu(norm(conv(features, "conv1.0"), "conv1.1")), "conv1.3")
    x = dimension_norm(x, "norm1")
    simulated = F.relu(conv(F.relu(norm(conv(x, "conv2.0"), "conv2.1")), "conv2.3"))
    x = dimension_norm(simulated, "norm2")
    calibrated = F.relu(conv(F.relu(norm(conv(x, "conv3.0"), "conv3.1")), "conv3.3"))
    x = conv(F.relu(norm(conv(features, "branch_2d.0"), "branch_2d.1")), "branch_2d.3")
    features_2d = F.relu(norm(x, "branch_2d.4"))
    joined = torch.cat([features_2d, calibrated], 1)
    logits = conv(F.relu(norm(conv(joined, "classifier.0"), "classifier.1")), "classifier.4")

    auxiliary = torch.zeros(1)
    outputs = branch.outputs(features, auxiliary)
    close = {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(outputs.simulated_3d, simulated, **close)
    torch.testing.assert_close(outputs.features_2d, features_2d, **close)
    torch.testing.assert_close(outputs.logits, logits, **close)
    assert outputs.auxiliary is auxiliary
    assert torch.equal(branch(features), outputs.logits)


@pytest.mark.parametrize(("norm", "kind"), [("bn", nn.BatchNorm2d), ("none", nn.Identity)])
def test_other_norms_in_the_place_of_dimension_norms(norm, kind):
    branch = DistillationBranch(7, 4, BranchConfig(6, 8, 5, norm=norm))
    assert type(branch.norm1) is type(branch.norm2) is kind
    assert branch.dimension_norms is None
    assert branch(torch.randn(2, 7, 4, 4)).shape == (2, 4, 4, 4)


def test_every_weight_learns_from_logits_and_simulated_features():
    torch.manual_seed(0)
    branch = DistillationBranch(7, 4, SMALL).train()
    outputs = branch.outputs(torch.randn(2, 7, 6, 6))
    assert outputs.simulated_3d.min() >= 0
    (outputs.logits.square().mean() + outputs.simulated_3d.square().mean()).backward()
    idle = [name for name, p in branch.named_parameters() if p.grad is None or not p.grad.any()]
    # a bias before a batch norm that takes the mean off has no gradient but rounding's
    assert set(idle) <= {"branch_2d.3.bias", "conv1.3.bias"}


def test_the_classifiers_width_is_the_users_choice():
    branch = DistillationBranch(7, 4, SMALL, classifier_width=10)
    assert branch.classifier[0].weight.shape == (10, 11, 3, 3)
