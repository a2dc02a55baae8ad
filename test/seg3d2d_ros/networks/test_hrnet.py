# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""HRNet with and without object context, where timm is installed, and what is said where not."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.networks import hrnet  # noqa: E402
from seg3d2d_ros.networks.registry import NetworkError, build_network  # noqa: E402


@pytest.fixture(scope="module")
def timm():
    """Layers of HRNet; a test that wants them skips without."""
    try:
        return hrnet.timm_package()
    except ModuleNotFoundError as error:
        pytest.skip(f"HRNet needs timm: {error}")


@pytest.fixture(scope="module")
def network(timm):
    torch.manual_seed(0)
    branch = {"feature_width": 8, "hidden": 8, "width_2d": 6}
    return build_network("hrnet_ocr", {"width": 32, "keys": 16, "branch": branch}, 5).eval()


def count(module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_parameters_are_hrnets_and_those_of_the_heads(timm):
    with torch.device("meta"):
        plain = build_network("hrnet_ocr", {}, 20)
        distilled = build_network("hrnet_ocr", {"branch": {}}, 20)
    assert plain.encoder.out_channels == 48 + 96 + 192 + 384 == 720
    # 720 -> 720 with bias, batch norm, 720 -> 20
    assert count(plain.regions) == 720 * 720 + 720 + 2 * 720 + 720 * 20 + 20
    assert count(plain.reduce) == 9 * 720 * 512 + 512 + 2 * 512
    # phi and psi of two layers, delta and rho of one, the joining layer
    layer = 512 * 256 + 2 * 256
    context = 2 * (layer + 256 * 256 + 2 * 256) + layer + 256 * 512 + 2 * 512
    assert count(plain.context) == context + 1024 * 512 + 2 * 512
    assert count(plain.head) == 512 * 20 + 20
    assert count(distilled) - count(plain) == count(distilled.head) - count(plain.head)
    assert distilled.feature_width == 288 and plain.feature_width == 512


def test_the_layers_are_those_of_w48(timm):
    with torch.device("meta"):
        encoder = hrnet.HRNet()
    widths = {p.shape[0] for name, p in encoder.named_parameters() if "stage4" in name}
    assert {48, 96, 192, 384} <= widths
    # timm's own classifying network has in addition what narrows and classifies
    with torch.device("meta"):
        whole = timm.create_model("hrnet_w48")
    names = dict(whole.named_parameters())
    heads = ("incre_modules", "downsamp_modules", "final_layer", "classifier")
    shared = sum(p.numel() for name, p in names.items() if not name.startswith(heads))
    assert count(encoder) == shared


@pytest.mark.parametrize("size", [(65, 97), (64, 96), (33, 42)])
def test_images_of_any_size_have_logits_at_a_quarter(network, size):
    expected = tuple(-(-side // 4) for side in size)
    with torch.inference_mode():
        outputs = network.outputs(torch.randn(1, 3, *size))
    assert outputs.logits.shape == outputs.auxiliary.shape == (1, 5, *expected)
    assert outputs.simulated_3d.shape == (1, 8, *expected)
    assert outputs.features_2d.shape == (1, 6, *expected)


def test_without_timm_the_network_says_what_to_install(monkeypatch):
    def missing():
        raise ModuleNotFoundError("HRNet's layers come from timm: pip install 'seg3d2d[hrnet]'")

    monkeypatch.setattr(hrnet, "timm_package", missing)
    with pytest.raises(NetworkError, match=r"'hrnet_ocr' can't be built: .*seg3d2d\[hrnet\]"):
        build_network("hrnet_ocr", {}, 20)
