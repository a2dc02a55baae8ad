# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.networks.layer_features import (  # noqa: E402
    captured,
    head_of,
    layers_of,
    parsing_part,
    trunk_of,
)
from seg3d2d_ros.networks.registry import build_network  # noqa: E402


def shapes(name, config, side):
    with torch.device("meta"):
        network = build_network(name, config, 5).eval()
        with captured(layers_of(network)) as features:
            network(torch.zeros(1, 3, side, side))
    return {layer: tuple(values.shape[1:]) for layer, values in features.items()}


def test_layers_of_pspnet_with_a_branch():
    assert shapes("pspnet", {"branch": {}}, 97) == {
        "stem": (128, 25, 25),
        "res-block-1": (256, 25, 25),
        "res-block-2": (512, 13, 13),
        "res-block-3": (1024, 13, 13),
        "res-block-4": (2048, 13, 13),
        "pyramid": (4096, 13, 13),
        "branch-2d": (192, 13, 13),
        "simulated-3d": (96, 13, 13),
    }


def test_layers_of_a_student():
    assert shapes("efficientnet_lite_fpn", {"width": 24}, 64) == {
        "stride-2": (16, 32, 32),
        "stride-4": (24, 16, 16),
        "stride-8": (40, 8, 8),
        "stride-16": (112, 4, 4),
        "stride-32": (320, 2, 2),
        "decoder": (24, 16, 16),
    }


def test_what_is_captured_is_what_the_layer_gives_and_ends_with_the_block():
    network = build_network("efficientnet_lite_fpn", {"width": 8}, 3).eval()
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad(), captured(layers_of(network)) as features:
        logits = network(image)
    taps = network.encoder(image)
    for stride, tap in zip((2, 4, 8, 16, 32), taps, strict=True):
        assert torch.equal(features[f"stride-{stride}"], tap)
    assert torch.equal(network.classifier(features["decoder"]), logits)
    before = dict(features)
    network(torch.zeros_like(image))
    assert all(features[name] is value for name, value in before.items())


def test_a_network_that_holds_another_has_the_layers_of_that_one():
    config = {"network": "efficientnet_lite_fpn", "config": {"width": 8}}
    for name in ("depth_multitask", "depth_cascade"):
        network = build_network(name, config, 3)
        parsing = parsing_part(network)
        assert layers_of(network) == layers_of(parsing)
        assert network.head is head_of(parsing)
        assert trunk_of(parsing) is parsing.decoder


def test_other_modules_have_no_layers():
    for ask in (layers_of, head_of, trunk_of):
        with pytest.raises(ValueError, match="Linear"):
            ask(torch.nn.Linear(2, 2))
