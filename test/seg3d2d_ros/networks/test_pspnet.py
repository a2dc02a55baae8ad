# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""PSPNet: parameters as published, sizes, outputs."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.networks.pspnet import PSPNet  # noqa: E402
from seg3d2d_ros.networks.registry import build_network  # noqa: E402

PUBLISHED_BRANCH = {"norm": "dn", "dn_affine": "inner"}


@pytest.fixture(scope="module")
def small():
    """The published network with a narrow branch, which makes it fast."""
    torch.manual_seed(0)
    branch = {"feature_width": 8, "hidden": 8, "width_2d": 6}
    return PSPNet(5, auxiliary=True, branch=branch).eval()


@pytest.mark.parametrize(
    ("classes", "settings", "parameters"),
    [
        (20, {"branch": PUBLISHED_BRANCH}, 66_165_364),
        (40, {"branch": {}}, 66_167_304),
        (13, {"branch": {}}, 66_164_685),
        (20, {}, 46_715_860),
        (20, {"auxiliary": True}, 49_080_808),
        (20, {"branch": {"norm": "bn"}}, 66_165_364),
        (20, {"branch": {"dn_affine": "none"}}, 66_165_364 - 4 * 96),
    ],
)
def test_parameters_are_the_published_ones(classes, settings, parameters):
    with torch.device("meta"):
        network = build_network("pspnet", settings, classes)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_101_layers_are_17_more_bottlenecks():
    with torch.device("meta"):
        one, other = (build_network("pspnet", {"depth": depth}, 20) for depth in (50, 101))
    counts = [sum(p.numel() for p in network.parameters()) for network in (one, other)]
    block = 1024 * 256 * 2 + 9 * 256 * 256 + 2 * (256 + 256 + 1024)
    assert counts[1] - counts[0] == 17 * block


@pytest.mark.parametrize("size", [(97, 97), (33, 58), (8, 8)])
def test_images_of_any_size_have_logits_at_an_eighth(small, size):
    expected = tuple(-(-side // 8) for side in size)
    with torch.inference_mode():
        outputs = small.outputs(torch.randn(1, 3, *size))
    assert outputs.logits.shape == outputs.auxiliary.shape == (1, 5, *expected)
    assert outputs.simulated_3d.shape == (1, 8, *expected)
    assert outputs.features_2d.shape == (1, 6, *expected)


def test_logits_alone_are_those_of_all_outputs(small):
    image = torch.randn(1, 3, 25, 33)
    with torch.inference_mode():
        assert torch.equal(small(image), small.outputs(image).logits)


def test_the_plain_networks_features_are_what_its_classifier_sees():
    torch.manual_seed(0)
    network = PSPNet(3).eval()
    with torch.inference_mode():
        outputs = network.outputs(torch.randn(1, 3, 25, 17))
        again = network.head[4](outputs.features_2d)
    assert outputs.simulated_3d is None and outputs.auxiliary is None
    assert outputs.features_2d.shape[1] == network.feature_width == 512
    torch.testing.assert_close(outputs.logits, again)


def test_dropout_is_the_settings():
    with torch.device("meta"):
        network = build_network("pspnet", {"branch": {}, "dropout": 0.3, "auxiliary": True}, 4)
    drops = [m.p for m in network.modules() if isinstance(m, torch.nn.Dropout2d)]
    assert drops == [0.3, 0.3]
