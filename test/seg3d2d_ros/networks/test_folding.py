# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Folded networks compute what they did before."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from seg3d2d_ros.networks.branch_config import BranchConfig  # noqa: E402
from seg3d2d_ros.networks.dimension_norm import DimensionNorm  # noqa: E402
from seg3d2d_ros.networks.distillation_branch import DistillationBranch  # noqa: E402
from seg3d2d_ros.networks.folding import ScaleAndShift, fold  # noqa: E402
from seg3d2d_ros.networks.registry import build_network  # noqa: E402

BRANCH = {"feature_width": 12, "hidden": 10, "width_2d": 14}


def with_values(network):
    """Norms as after training: nothing is 0 or 1, and zero padding is no norm's output."""
    generator = torch.Generator().manual_seed(3)
    for module in network.modules():
        if isinstance(module, DimensionNorm):
            module.set_target(
                torch.rand(module.channels, generator=generator) + 0.5,
                torch.rand(module.channels, generator=generator) + 0.2,
            )
        if isinstance(module, (DimensionNorm, nn.BatchNorm2d)):
            for tensor in module.parameters():
                tensor.data.add_(0.5 * torch.randn(tensor.shape, generator=generator))
            module.running_mean.normal_(0, 0.5, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
    return network.eval()


@pytest.mark.parametrize(
    "norms",
    [
        {"dn_affine": "outer"},
        {"dn_affine": "inner"},
        {"dn_affine": "none"},
        {"norm": "bn"},
        {"norm": "none"},
    ],
)
def test_folded_equals_unfolded_borders_included(norms):
    torch.manual_seed(0)
    config = {"width": 16, "branch": {**BRANCH, **norms}}
    network = with_values(build_network("efficientnet_lite_fpn", config, 5))
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        before = network.outputs(image)
        assert fold(network) is network
        after = network.outputs(image)
    for name in ("logits", "simulated_3d", "features_2d"):
        one, other = getattr(before, name), getattr(after, name)
        assert one.std() > 1e-3, name
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-4 * float(one.abs().max()))
        for border in ((..., 0, slice(None)), (..., slice(None), -1)):
            torch.testing.assert_close(other[border], one[border], rtol=1e-4, atol=1e-4)
    kinds = {type(module) for module in network.classifier.modules()}
    assert DimensionNorm not in kinds
    assert isinstance(network.classifier.norm1, nn.Identity)
    if norms != {"norm": "none"}:
        assert isinstance(network.classifier.norm2, ScaleAndShift)


def test_a_norm_folded_into_the_padded_convolution_would_not_do():
    torch.manual_seed(0)
    branch = with_values(DistillationBranch(7, 4, BranchConfig(**BRANCH)))
    features = torch.randn(1, 12, 6, 6)
    scale, shift = branch.norm2.running_scale_and_shift()
    convolution = branch.conv3[0]
    with torch.inference_mode():
        right = convolution(branch.norm2(features))
        bias = (convolution.weight * shift.view(1, -1, 1, 1)).sum((1, 2, 3))
        weight = convolution.weight * scale.view(1, -1, 1, 1)
        wrong = torch.nn.functional.conv2d(features, weight, bias, padding=1)
    inside = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(wrong[inside], right[inside], rtol=1e-4, atol=1e-4)
    assert (wrong - right)[..., 0, :].abs().max() > 0.1


def test_networks_without_branch_stay_as_they_are():
    network = build_network("efficientnet_lite_fpn", {"width": 8}, 3).eval()
    before = [name for name, _ in network.named_modules()]
    assert [name for name, _ in fold(network).named_modules()] == before


def test_a_network_in_training_is_refused():
    with pytest.raises(ValueError, match="in training mode can't be folded"):
        fold(build_network("efficientnet_lite_fpn", {"width": 8}, 3).train())
