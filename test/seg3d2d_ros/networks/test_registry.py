# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Networks by name."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.networks.registry import (  # noqa: E402
    NETWORKS,
    NetworkError,
    build_network,
    feature_width,
    geometry,
)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_logits_have_the_promised_size(name):
    network = build_network(name, {}, 7).eval()
    stride, multiple = geometry(network)
    with torch.inference_mode():
        logits = network(torch.zeros(2, 3, multiple, 3 * multiple))
    assert logits.shape == (2, 7, multiple // stride, 3 * multiple // stride)


def test_every_weight_receives_a_gradient():
    network = build_network("efficientnet_lite_fpn", {"width": 16}, 5).train()
    network(torch.randn(2, 3, 64, 64)).square().mean().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # ReLU6 may silence single channels, never whole tensors.
    assert idle == []


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_classifier_sees_features_of_the_promised_width(name):
    network = build_network(name, {}, 7).eval()
    seen = []
    network.classifier.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[1]))
    with torch.inference_mode():
        network(torch.zeros(1, 3, *[geometry(network)[1]] * 2))
    assert seen == [feature_width(network)]


def test_settings_reach_the_network():
    network = build_network("efficientnet_lite_fpn", {"width": 24, "dropout": 0.0}, 3)
    assert network.classifier.weight.shape == (3, 24, 1, 1)
    assert feature_width(network) == 24


def test_unknown_names_say_what_there_is():
    with pytest.raises(NetworkError, match=r"no network 'resnet99'; known are .*lite_fpn"):
        build_network("resnet99", {}, 20)
    with pytest.raises(NetworkError, match=r"no setting 'depth'; it has dropout, variant, width"):
        build_network("efficientnet_lite_fpn", {"depth": 3}, 20)
