# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import pickle

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch

from seg3d2d_ros.networks.registry import build_network
from seg3d2d_ros.networks.stored_weights import (
    StoredWeightsError,
    fill_from_safetensors,
    weights_to_safetensors,
)


def network(width=8):
    return build_network("efficientnet_lite_fpn", {"variant": 0, "width": width}, 5)


def test_kernels_come_back_rounded_to_half_precision_and_the_rest_unchanged():
    torch.manual_seed(0)
    source, filled = network(), network()
    with torch.no_grad():
        for name, buffer in source.named_buffers():
            if name.endswith("running_var"):
                buffer.uniform_(1e-9, 1e-7)  # would be 0 in half precision
    fill_from_safetensors(filled, weights_to_safetensors(source))
    for name, expected in source.state_dict().items():
        found = filled.state_dict()[name]
        assert found.dtype == expected.dtype
        rounded = expected.half().float() if expected.ndim > 1 else expected
        assert torch.equal(found, rounded), name


def test_a_kernel_beyond_half_precision_is_stored_whole():
    source, filled = network(), network()
    with torch.no_grad():
        source.classifier.weight[0, 0] = 1e6
    fill_from_safetensors(filled, weights_to_safetensors(source))
    assert torch.equal(filled.classifier.weight, source.classifier.weight)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff" * 40, pickle.dumps({"a": 1}), b"\x10" + bytes(7) + b'{"a":  }   x    '],
)
def test_what_is_no_safetensors_is_refused(content):
    with pytest.raises(StoredWeightsError, match="no safetensors") as raised:
        fill_from_safetensors(network(), content)
    assert "\n" not in str(raised.value)


def test_weights_of_another_network_are_refused_and_change_nothing():
    target = network()
    before = {name: value.clone() for name, value in target.state_dict().items()}
    with pytest.raises(StoredWeightsError, match="of another network: .* such as 'classifier"):
        fill_from_safetensors(target, weights_to_safetensors(network(16)))
    assert all(torch.equal(before[name], value) for name, value in target.state_dict().items())
