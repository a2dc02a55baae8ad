# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""PointWeb against loops over points, by the published weights' names."""

import hashlib

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from training.points.networks.point_network import PointNetworkError
from training.points.networks.pointweb import PointWeb
from training.points.networks.registry import build_point_network
from training.points.networks.set_abstraction import FeaturePropagation, SetAbstraction

SMALL = (40, 36, 32, 5)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # what is computed here is small
    yield
    torch.set_num_threads(threads)


def block(n: int, channels: int = 6, blocks: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Points that float32 holds exactly, for neighbours are found in single precision."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(blocks, n, 3, generator=generator).double()
    return points, torch.rand(blocks, n, channels, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    ("channels", "classes", "digest"),
    [
        (6, 13, "1496f3b13e579e4d4d766bceb62204033e74e3fdf88a5e8847da42240248c165"),
        (3, 20, "8aa6bb543fd00fba2e320554c4d8ce95100dad7b24b4c3b0877030818c8b43b4"),
    ],
)
def test_names_and_shapes_of_the_weights_are_those_of_the_published_code(channels, classes, digest):
    state = PointWeb(classes, channels).state_dict()
    text = "".join(f"{name} {list(tensor.shape)}\n" for name, tensor in sorted(state.items()))
    assert hashlib.sha256(text.encode()).hexdigest() == digest


def test_it_has_the_published_number_of_parameters():
    network = build_point_network("pointweb", {}, 13)
    assert sum(parameter.numel() for parameter in network.parameters()) == 999_999
    assert network.feature_width == 128 and network.stride == 1


def test_set_abstraction_is_that_of_loops(slow, perturbed):
    module = perturbed(SetAbstraction(7, [4, 5, 6])).eval()
    points, features = block(45, channels=4)
    weights = {f"sa.{name}": tensor for name, tensor in module.state_dict().items()}
    expected = slow(weights).abstraction("sa", points[0], features[0], 7)
    for one, other in zip(module(points, features), expected, strict=True):
        assert torch.allclose(one[0], other, rtol=1e-10, atol=1e-12)


def test_feature_propagation_is_that_of_loops_and_of_points_that_coincide(slow, perturbed):
    module = perturbed(FeaturePropagation([10, 5])).eval()
    points, features = block(30, channels=4)
    fewer = torch.cat([points[:, 4:8], points[:, :3] + 0.25], 1)
    theirs = torch.rand(1, 7, 6, dtype=torch.float64)
    weights = {f"fp.{name}": tensor for name, tensor in module.state_dict().items()}
    expected = slow(weights).propagation("fp.mlp", points[0], features[0], fewer[0], theirs[0])
    found = module(points, features, fewer, theirs)[0]
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-6)  # distances are float32


def test_the_network_is_that_of_loops_and_its_logits_are_linear_in_its_features(slow, perturbed):
    network = perturbed(PointWeb(4, centroids=SMALL)).eval()
    points, features = block(64, blocks=2)
    with torch.no_grad():
        output = network(points, features)
        loops = slow(network.state_dict())
        expected = [loops.network(points[k], features[k], SMALL) for k in (0, 1)]
    for found, parts in ((output.features, 0), (output.logits, 1)):
        whole = torch.cat([each[parts] for each in expected])
        assert float((found - whole).abs().max() / whole.abs().max()) < 1e-5
    weight, bias = network.classifier
    assert torch.allclose(output.features @ weight.t() + bias, output.logits)


def test_in_mixed_precision_a_training_step_has_gradients_for_all_weights():
    points, features = (tensor.float() for tensor in block(64))
    torch.manual_seed(0)
    network = PointWeb(4, centroids=SMALL).train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = F.cross_entropy(network(points, features).logits, torch.arange(64) % 4)
    loss.backward()
    for parameter in network.parameters():
        assert bool(parameter.grad.isfinite().all()) and bool(parameter.grad.any())


def test_training_steps_are_repeatable_to_the_last_bit():
    points, features = (tensor.float() for tensor in block(64, blocks=2))
    labels = torch.arange(128) % 4

    def trained() -> list[Tensor]:
        torch.manual_seed(0)
        network = PointWeb(4, centroids=SMALL).train()
        optimizer = torch.optim.SGD(network.parameters(), 0.05)
        for _ in range(2):
            optimizer.zero_grad()
            F.cross_entropy(network(points, features).logits, labels).backward()
            optimizer.step()
        return list(network.state_dict().values())

    assert all(torch.equal(a, b) for a, b in zip(trained(), trained(), strict=True))


def test_a_network_learns_a_block_by_heart():
    points, features = (tensor.float() for tensor in block(64))
    labels = (points[0, :, 2] > 0.5).long() + 2 * (features[0, :, 0] > 0.5).long()
    torch.manual_seed(0)
    network = PointWeb(4, centroids=SMALL).train()
    optimizer = torch.optim.Adam(network.parameters(), 0.005)
    for _ in range(16):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(points, features).logits, labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.7  # chance is 1.39


def test_points_all_at_one_place_give_finite_numbers_and_gradients():
    network = PointWeb(3, centroids=SMALL).train()
    output = network(torch.full((1, 50, 3), 0.4), torch.full((1, 50, 6), 0.4))
    output.logits.square().sum().backward()
    assert bool(output.logits.isfinite().all())
    assert all(bool(p.grad.isfinite().all()) for p in network.parameters())


@pytest.mark.parametrize("number", [1, 31])
def test_blocks_of_too_few_points_are_refused(number):
    with pytest.raises(PointNetworkError, match=rf"blocks of {number} points .* at least 32"):
        PointWeb(3)(torch.rand(1, number, 3), torch.rand(1, number, 6))


def test_other_channels_are_refused():
    with pytest.raises(PointNetworkError, match="with 3 feature channels; .* 6 channels"):
        PointWeb(3)(torch.rand(1, 40, 3), torch.rand(1, 40, 3))


@pytest.mark.parametrize(
    "settings",
    [
        {"feature_channels": 0},
        {"centroids": [1024, 256, 64]},
        {"centroids": [1024, 256, 31, 16]},
        {"centroids": [64, 64, 64, 3.5]},
        {"centroids": [1024, 256, 64, 2]},
        {"depth": 3},
    ],
)
def test_impossible_settings_are_one_sentence(settings):
    with pytest.raises(PointNetworkError):
        build_point_network("pointweb", settings, 13)
