# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Networks by name."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.networks.registry import (  # noqa: E402
    NETWORKS,
    NetworkError,
    aligns_corners,
    build_network,
    feature_width,
    geometry,
)


@pytest.fixture(params=sorted(NETWORKS))
def network(request):
    """Every network, on the meta device; those that can't be built here are skipped."""
    with torch.device("meta"):
        try:
            return build_network(request.param, {}, 7).eval()
        except NetworkError as error:
            if request.param == "hrnet_ocr":
                pytest.skip(str(error))
            raise


def test_logits_have_the_promised_size(network):
    stride, multiple = geometry(network)
    logits = network(torch.zeros(2, 3, multiple, 3 * multiple, device="meta"))
    assert logits.shape == (2, 7, multiple // stride, 3 * multiple // stride)


def test_networks_with_aligned_corners_take_a_multiple_and_one_more_pixels(network):
    if aligns_corners(network):
        stride, multiple = geometry(network)
        logits = network(torch.zeros(1, 3, multiple + 1, 2 * multiple + 1, device="meta"))
        assert logits.shape == (1, 7, multiple // stride + 1, 2 * multiple // stride + 1)


def test_every_weight_receives_a_gradient():
    network = build_network("efficientnet_lite_fpn", {"width": 16}, 5).train()
    network(torch.randn(2, 3, 64, 64)).square().mean().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # ReLU6 may silence single channels, never whole tensors.
    assert idle == []


def last_convolution(network):
    """The 1x1 convolution that gives the logits, and those that are not of an auxiliary head."""
    heads = [getattr(network, name) for name in ("head", "classifier") if hasattr(network, name)]
    (head,) = heads
    return [module for module in head.modules() if isinstance(module, torch.nn.Conv2d)][-1]


def test_the_classifier_sees_features_of_the_promised_width(network):
    assert last_convolution(network).in_channels == feature_width(network)
    assert last_convolution(network).out_channels == 7


def test_settings_reach_the_network():
    network = build_network("efficientnet_lite_fpn", {"width": 24, "dropout": 0.0}, 3)
    assert network.classifier.weight.shape == (3, 24, 1, 1)
    assert feature_width(network) == 24


def test_unknown_names_say_what_there_is():
    with pytest.raises(NetworkError, match=r"no network 'resnet99'; known are .*lite_fpn"):
        build_network("resnet99", {}, 20)
    with pytest.raises(
        NetworkError, match=r"no setting 'depth'; it has branch, dropout, variant, width"
    ):
        build_network("efficientnet_lite_fpn", {"depth": 3}, 20)


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("pspnet", {"depth": 34}, "network 'pspnet' can't be built: depth is 34, it must be of 50"),
        ("pspnet", {"branch": {"norm": "gn"}}, "can't be built: branch.norm is 'gn'"),
        ("pspnet", {"branch": [1]}, "can't be built: branch is .1., it must be a mapping"),
        ("efficientnet_lite_fpn", {"branch": {"hidden": 0}}, "can't be built: branch.hidden is 0"),
        ("efficientnet_lite_fpn", {"width": "wide"}, "network 'efficientnet_lite_fpn' can't be"),
        ("efficientnet_lite_fpn", {"dropout": 7.0}, "network 'efficientnet_lite_fpn' can't be"),
        ("pspnet", {"dropout": 7.0}, "network 'pspnet' can't be built: dropout"),
    ],
)
def test_an_impossible_setting_is_one_sentence(name, config, message):
    with torch.device("meta"), pytest.raises(NetworkError, match=message) as caught:
        build_network(name, config, 20)
    assert "\n" not in str(caught.value)
