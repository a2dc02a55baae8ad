# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Adaptive feature adjustment against its equations, pair by pair."""

import pytest
import torch
from torch.nn import functional as F

from training.points.networks.adaptive_feature_adjustment import AdaptiveFeatureAdjustment


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is computed here is small
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("training", [False, True])
def test_adjustment_and_its_gradients_are_those_of_the_equations_pair_by_pair(
    slow, perturbed, training
):
    module = perturbed(AdaptiveFeatureAdjustment(5, width=4)).train(training)
    features = torch.randn(3, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ours, theirs = features.clone().requires_grad_(), features.clone().requires_grad_()
    weights = {f"afa.{name}": p.detach().clone() for name, p in module.state_dict().items()}
    names = [name for name, _ in module.named_parameters()]
    for name in names:
        weights[f"afa.{name}"].requires_grad_()
    toward = torch.randn_like(features)
    expected = slow(weights, training).adjustment("afa.mlp", theirs)
    expected.backward(toward)
    found = module(ours)
    found.backward(toward)
    assert torch.allclose(found, expected, rtol=1e-11, atol=1e-12)
    assert torch.allclose(ours.grad, theirs.grad, rtol=1e-9, atol=1e-11)
    for name, parameter in module.named_parameters():
        assert torch.allclose(parameter.grad, weights[f"afa.{name}"].grad, rtol=1e-9, atol=1e-11)


def test_adjustment_keeps_the_running_statistics_of_all_pairs(perturbed):
    module = perturbed(AdaptiveFeatureAdjustment(5, width=4)).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    features = torch.randn(3, 6, 5, dtype=torch.float64)
    module(features)
    eye = torch.eye(6, dtype=torch.bool)[..., None]
    rows = (features[:, :, None] - features[:, None].masked_fill(eye, 0)).flatten(0, 2)
    for number in (0, 1):
        rows = rows @ before[f"mlp.layer{number}.conv.weight"].flatten(1).t()
        name = f"mlp.layer{number}.bn.bn"
        mean = 0.9 * before[f"{name}.running_mean"] + 0.1 * rows.mean(0)
        variance = 0.9 * before[f"{name}.running_var"] + 0.1 * rows.var(0)
        assert torch.allclose(module.state_dict()[f"{name}.running_mean"], mean)
        assert torch.allclose(module.state_dict()[f"{name}.running_var"], variance)
        assert int(module.state_dict()[f"{name}.num_batches_tracked"]) == 1
        scale, shift = before[f"{name}.weight"], before[f"{name}.bias"]
        rows = F.batch_norm(rows, None, None, scale, shift, training=True).relu()


def test_adjustment_in_single_precision_stays_close_to_double(perturbed):
    module = perturbed(AdaptiveFeatureAdjustment(9)).train()
    features = torch.randn(40, 32, 9, dtype=torch.float64)
    exact = module(features).detach()
    single = module.float()(features.float()).detach()
    assert float((single - exact).abs().max() / exact.abs().max()) < 1e-5


def test_adjustment_is_the_same_to_the_last_bit_with_any_number_of_threads(perturbed):
    module = perturbed(AdaptiveFeatureAdjustment(9)).float().train()
    features = torch.randn(150, 32, 9)
    results = []
    for number in (1, 2, 3):
        torch.set_num_threads(number)
        mine = features.clone().requires_grad_()
        module.zero_grad()
        output = module(mine)
        output.square().sum().backward()
        gradients = [parameter.grad.clone() for parameter in module.mlp.layer1.parameters()]
        results.append([output.detach(), *gradients])
        assert torch.get_num_threads() == number
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_adjustment_under_autocast_gives_the_type_it_was_given():
    module = AdaptiveFeatureAdjustment(9).train()
    with torch.autocast("cpu", torch.bfloat16):
        output = module(torch.randn(4, 32, 9, dtype=torch.bfloat16))
    assert output.dtype == torch.bfloat16 and bool(output.isfinite().all())
