# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The students with and without the distillation branch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.networks.registry import build_network, feature_width  # noqa: E402

BRANCH = {"feature_width": 12, "hidden": 10, "width_2d": 14}


@pytest.mark.parametrize("branch", [None, BRANCH])
def test_logits_alone_are_those_of_all_outputs(branch):
    torch.manual_seed(0)
    network = build_network("efficientnet_lite_fpn", {"width": 16, "branch": branch}, 5).eval()
    image = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        outputs = network.outputs(image)
        assert torch.equal(network(image), outputs.logits)
    assert outputs.logits.shape == (2, 5, 16, 24) and outputs.auxiliary is None
    if branch:
        assert outputs.simulated_3d.shape == (2, 12, 16, 24)
        assert outputs.features_2d.shape == (2, 14, 16, 24)
        assert feature_width(network) == 26
    else:
        assert outputs.simulated_3d is None
        assert outputs.features_2d.shape == (2, 16, 16, 24)


def test_a_branch_drops_channels_once_and_by_the_same_setting():
    config = {"width": 16, "branch": BRANCH, "dropout": 0.4}
    with torch.device("meta"):
        network = build_network("efficientnet_lite_fpn", config, 5)
    assert network.dropout.p == 0.0 and network.classifier.classifier[3].p == 0.4


def test_a_branch_learns():
    torch.manual_seed(0)
    network = build_network("efficientnet_lite_fpn", {"width": 16, "branch": BRANCH}, 5).train()
    outputs = network.outputs(torch.randn(2, 3, 64, 64))
    (outputs.logits.square().mean() + outputs.simulated_3d.square().mean()).backward()
    norm1, norm2 = network.classifier.dimension_norms
    for norm in (norm1, norm2):
        assert norm.delta_sigma.grad.any() and norm.num_batches_tracked == 1
    assert network.encoder.stem[0].weight.grad.any()
