# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.networks.registry import NetworkError, build_network  # noqa: E402

STUDENT = {"network": "efficientnet_lite_fpn", "config": {"width": 8}, "hidden": 16, "width": 12}


def test_the_depth_head_has_the_convolutions_of_the_branch():
    with torch.device("meta"):
        plain = build_network("pspnet", {}, 20)
        network = build_network("depth_multitask", {}, 20)
        branch = build_network("pspnet", {"branch": {}}, 20).head
    own = [m for m in network.depth_head if isinstance(m, torch.nn.Conv2d)]
    theirs = [m for part in (branch.conv1, branch.conv2) for m in part if hasattr(m, "kernel_size")]
    for mine, its in zip(own[:-1], theirs[:-1], strict=True):
        assert (mine.weight.shape, mine.padding) == (its.weight.shape, its.padding)
    assert own[-1].weight.shape == (1, 96, 1, 1)
    assert sum(p.numel() for p in network.parsing_network.parameters()) == sum(
        p.numel() for p in plain.parameters()
    )


def test_logits_are_those_of_the_network_alone():
    network = build_network("depth_multitask", STUDENT, 5).eval()
    image = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        logits = network(image)
        outputs = network.outputs(image)
        log_depth = outputs.log_depth
        expected = network.parsing_network(image)
        features = network.parsing_network.decoder(network.encoder(image)[1:])
    assert torch.equal(logits, expected)
    assert torch.equal(outputs.logits, expected)
    assert log_depth.shape == (2, 1, 16, 24)
    assert torch.equal(log_depth, network.depth_head(features).detach())


def test_depth_teaches_the_encoder():
    network = build_network("depth_multitask", STUDENT, 5).train()
    log_depth = network.outputs(torch.randn(2, 3, 64, 64)).log_depth
    log_depth.abs().mean().backward()
    idle = [
        name
        for name, p in network.named_parameters()
        if "classifier" not in name and (p.grad is None or not p.grad.any())
    ]
    # a bias before a batch norm, which takes it away, gets what rounding leaves, if anything
    assert set(idle) <= {"depth_head.3.bias"}


def test_a_branch_beside_the_depth_head_is_refused():
    with pytest.raises(NetworkError, match="the depth head takes the branch's place"):
        build_network("depth_multitask", {"config": {"branch": {}}}, 5)
