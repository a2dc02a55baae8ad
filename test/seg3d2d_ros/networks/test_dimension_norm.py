# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Dimension norm against batch norm and against Table 1."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from seg3d2d_ros.networks.dimension_norm import DimensionNorm, normalisation  # noqa: E402

CHANNELS = 5

TWO_PROCESSES = """
import torch
import torch.distributed as dist
from seg3d2d_ros.networks.dimension_norm import DimensionNorm

dist.init_process_group("gloo")
torch.manual_seed(0)
# parts of different size, far from 0 beside their deviation
joined = (torch.randn(3, 4, 6, 5) * torch.tensor([1e-2, 1, 2, 30]).view(1, 4, 1, 1) + 8).double()
weight = torch.randn(3, 4, 6, 5).double()
part = slice(0, 1) if dist.get_rank() == 0 else slice(1, 3)

def filled(kind):
    norm = DimensionNorm(4, kind).double()
    norm.set_target([0.5, 1.0, -1.0, 2.0], [0.2, 1.0, 3.0, 0.7])
    if kind != "none":
        with torch.no_grad():
            norm.delta_sigma.copy_(torch.tensor([0.5, 1.5, -1.0, 2.0]))
            norm.delta_mu.copy_(torch.tensor([0.1, -0.2, 0.3, 0.4]))
    return norm

for kind in ("outer", "inner", "none"):
    whole, ours = filled(kind), filled(kind)
    batch = joined.clone().requires_grad_()
    # without other processes, as the group is passed over
    expected = torch.nn.functional.batch_norm(
        batch, whole.running_mean, whole.running_var, *whole.scale_and_shift(), training=True
    )
    (expected * weight).sum().backward()
    mine = joined[part].clone().requires_grad_()
    output = ours(mine)
    (output * weight[part]).sum().backward()
    close = dict(rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(output, expected[part], **close)
    torch.testing.assert_close(mine.grad, batch.grad[part], **close)
    torch.testing.assert_close(ours.running_mean, whole.running_mean, **close)
    torch.testing.assert_close(ours.running_var, whole.running_var, **close)
    assert ours.num_batches_tracked == 1
    for parameter, other in zip(ours.parameters(), whole.parameters(), strict=True):
        dist.all_reduce(parameter.grad)
        torch.testing.assert_close(parameter.grad, other.grad, **close)
dist.barrier()
dist.destroy_process_group()
"""


def features(seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    scale = torch.tensor([0.1, 1.0, 3.0, 10.0, 0.5]).view(1, -1, 1, 1)
    return torch.randn(3, CHANNELS, 7, 4, generator=generator) * scale + 2


def norm_with_values(affine: str) -> DimensionNorm:
    norm = DimensionNorm(CHANNELS, affine)
    norm.set_target([0.2, 0.4, 0.9, -1.0, 3.0], [0.25, 1.0, 0.5, 2.0, 0.1])
    if affine != "none":
        with torch.no_grad():
            norm.delta_sigma.copy_(torch.tensor([1.0, 0.5, 2.0, -1.0, 1.5]))
            norm.delta_mu.copy_(torch.tensor([0.0, 0.5, -0.25, 1.0, 3.0]))
    return norm


def by_formula(norm: DimensionNorm, batch, mean, std):
    """Table 1 (outer), and the published code's order (inner), channel by channel."""
    result = torch.empty_like(batch)
    for c in range(CHANNELS):
        x = (batch[:, c] - mean[c]) / std[c]
        target_mean, target_std = norm.target_mean[c], norm.target_std[c]
        if norm.affine == "outer":
            y = norm.delta_sigma[c] * (target_std * x + target_mean) + norm.delta_mu[c]
        elif norm.affine == "inner":
            y = (norm.delta_sigma[c] * x + norm.delta_mu[c]) * target_std + target_mean
        else:
            y = target_std * x + target_mean
        result[:, c] = y
    return result


@pytest.mark.parametrize("affine", ["outer", "inner", "none"])
def test_in_training_the_batch_is_brought_to_the_target_statistics(affine):
    norm, batch = norm_with_values(affine).train(), features()
    mean = batch.mean((0, 2, 3))
    std = torch.sqrt(batch.var((0, 2, 3), unbiased=False) + 1e-5)
    output = norm(batch)
    torch.testing.assert_close(output, by_formula(norm, batch, mean, std), rtol=1e-4, atol=1e-4)
    if affine == "none":
        torch.testing.assert_close(output.mean((0, 2, 3)), norm.target_mean, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(
            output.std((0, 2, 3), unbiased=False), norm.target_std, rtol=1e-2, atol=1e-3
        )


@pytest.mark.parametrize("affine", ["outer", "inner", "none"])
def test_in_evaluation_running_statistics_take_the_batchs_place(affine):
    norm, batch = norm_with_values(affine), features()
    for seed in range(3):
        norm.train()(features(seed))
    state = {name: value.clone() for name, value in norm.state_dict().items()}
    output = norm.eval()(batch)
    std = torch.sqrt(norm.running_var + 1e-5)
    expected = by_formula(norm, batch, norm.running_mean, std)
    torch.testing.assert_close(output, expected, rtol=1e-4, atol=1e-4)
    scale, shift = (values.view(1, -1, 1, 1) for values in norm.running_scale_and_shift())
    torch.testing.assert_close(batch * scale + shift, expected, rtol=1e-4, atol=1e-4)
    assert all(torch.equal(value, state[name]) for name, value in norm.state_dict().items())


def test_running_statistics_are_batch_norms():
    ours, theirs = DimensionNorm(CHANNELS).train(), nn.BatchNorm2d(CHANNELS).train()
    for seed in range(4):
        torch.testing.assert_close(ours(features(seed)), theirs(features(seed)))
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        assert torch.equal(getattr(ours, name), getattr(theirs, name)), name


def test_scale_and_shift_learn_and_the_target_does_not():
    norm = norm_with_values("outer").train()
    names = {name for name, _ in norm.named_parameters()}
    assert names == {"delta_sigma", "delta_mu"}
    weight = torch.randn(3, CHANNELS, 7, 4)
    (norm(features()) * weight).sum().backward()
    assert norm.delta_sigma.grad.abs().min() > 0 and norm.delta_mu.grad.abs().min() > 0
    assert not list(DimensionNorm(CHANNELS, "none").parameters())


def test_the_target_is_stored_with_the_weights():
    norm, other = norm_with_values("inner"), DimensionNorm(CHANNELS, "inner")
    norm.train()(features())
    assert {"target_mean", "target_std", "running_mean"} < set(norm.state_dict())
    other.load_state_dict(norm.state_dict())
    batch = features(9)
    assert torch.equal(other.eval()(batch), norm.eval()(batch))


def test_one_value_serves_all_channels():
    norm = DimensionNorm(CHANNELS)
    norm.set_target([0.15], torch.tensor(0.19))
    assert norm.target_mean.tolist() == pytest.approx([0.15] * CHANNELS)
    assert norm.target_std.tolist() == pytest.approx([0.19] * CHANNELS)


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ([0.0] * 4, [1.0] * 5, "the target mean has 4 channels, the features to normalise 5"),
        ([0.0] * 5, [1.0] * 6, "the target deviation has 6 channels, the features .* 5"),
        ([0.0] * 5, [1, 1, 0, 1, 1], "target deviation of channel 2 is 0; .* above 0"),
        ([0.0] * 5, [1, -1, 1, 1, 1], "target deviation of channel 1 is -1"),
        ([0, -1, 0, float("nan"), 0], [1.0] * 5, "target mean of channel 3 is nan"),
        ([0.0] * 5, [1, 1, 1, 1, float("inf")], "target deviation of channel 4 is inf"),
        ([], [1.0], "the target mean has 0 channels"),
    ],
)
def test_targets_that_are_no_statistics_are_refused_and_change_nothing(mean, std, message):
    norm = norm_with_values("outer")
    before = norm.target_mean.clone(), norm.target_std.clone()
    with pytest.raises(ValueError, match=message):
        norm.set_target(mean, std)
    assert torch.equal(norm.target_mean, before[0]) and torch.equal(norm.target_std, before[1])


def test_a_single_value_has_no_statistics():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        DimensionNorm(CHANNELS).train()(torch.zeros(1, CHANNELS, 1, 1))


def test_reduced_precision_in_training_and_in_use():
    norm, batch = norm_with_values("outer"), features()
    expected = norm.train()(batch)
    with torch.autocast("cpu", torch.bfloat16):
        trained = norm(batch.bfloat16())
    torch.testing.assert_close(trained.float(), expected, rtol=0.05, atol=0.1)
    expected = norm.eval()(batch)
    converted = norm.to(torch.bfloat16)(batch.bfloat16())
    assert converted.dtype == torch.bfloat16
    torch.testing.assert_close(converted.float(), expected, rtol=0.05, atol=0.2)


def test_what_is_put_in_its_place():
    assert isinstance(normalisation("dn", 4, "inner"), DimensionNorm)
    assert normalisation("dn", 4, "inner").affine == "inner"
    assert isinstance(normalisation("bn", 4), nn.BatchNorm2d)
    assert isinstance(normalisation("none", 4), nn.Identity)
    with pytest.raises(ValueError, match="norm is 'gn', it must be of dn, bn, none"):
        normalisation("gn", 4)
    with pytest.raises(ValueError, match="dn_affine is 'inside', it must be of outer, inner, none"):
        normalisation("dn", 4, "inside")


def test_two_processes_normalise_by_the_joined_batch(torchrun, tmp_path):
    script = tmp_path / "joined.py"
    script.write_text(TWO_PROCESSES)
    done = torchrun(str(script))
    assert done.returncode == 0, done.stderr


def test_the_target_may_follow_other_features():
    """The first batch sets it, later ones move it by the momentum."""
    norm = DimensionNorm(3)
    norm.train()
    generator = torch.Generator().manual_seed(0)
    one, two = (torch.randn(2, 5, 4, 4, generator=generator) * k + k for k in (1, 2))
    norm.follow(one)
    torch.testing.assert_close(norm.target_mean, one.mean().expand(3))
    torch.testing.assert_close(norm.target_std, one.std(correction=0).expand(3))
    norm(torch.randn(2, 3, 4, 4, generator=generator))
    norm.follow(two)
    expected = 0.9 * one.mean() + 0.1 * two.mean()
    torch.testing.assert_close(norm.target_mean, expected.expand(3))
