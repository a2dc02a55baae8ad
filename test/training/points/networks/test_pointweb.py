# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""PointWeb against a slow transcription of its equations by the published weights' names."""

import hashlib

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from training.points.networks.adaptive_feature_adjustment import AdaptiveFeatureAdjustment
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


class Slow:
    """The layers of PointWeb, point by point and pair by pair, in double precision."""

    def __init__(self, weights: dict[str, Tensor], training: bool = False):
        self.weights, self.training = weights, training

    def layer(self, name: str, rows: Tensor) -> Tensor:
        """Rows [n, c] through a convolution of 1 x 1, batch normalisation and ReLU."""
        w = self.weights
        rows = rows @ w[f"{name}.conv.weight"][:, :, 0, 0].t()
        if f"{name}.conv.bias" in w:
            return rows + w[f"{name}.conv.bias"]
        mean, variance = w[f"{name}.bn.bn.running_mean"], w[f"{name}.bn.bn.running_var"]
        if self.training:
            mean, variance = rows.mean(0), rows.var(0, unbiased=False)
        rows = (rows - mean) / (variance + 1e-5).sqrt()
        return (rows * w[f"{name}.bn.bn.weight"] + w[f"{name}.bn.bn.bias"]).clamp(min=0)

    def mlp(self, name: str, rows: Tensor) -> Tensor:
        number = 0
        while f"{name}.layer{number}.conv.weight" in self.weights:
            rows = self.layer(f"{name}.layer{number}", rows)
            number += 1
        return rows

    def adjustment(self, name: str, groups: Tensor) -> Tensor:
        differences = []
        for group in groups:
            for i, own in enumerate(group):
                for j, other in enumerate(group):
                    differences.append(own if i == j else own - other)
        pairs = torch.stack(differences)
        weights = self.mlp(f"{name}.weight", self.mlp(name, pairs))
        adjustments, pair = [], 0
        for group in groups:
            for own in group:
                total = torch.zeros_like(own)
                for _ in group:
                    total = total + weights[pair] * differences[pair]
                    pair += 1
                adjustments.append(total)
        return torch.stack(adjustments).view_as(groups)

    def abstraction(
        self, name: str, points: Tensor, features: Tensor, kept: int
    ) -> tuple[Tensor, Tensor]:
        """Of one block [n, 3], [n, c]; only in evaluation mode is that as in a batch."""
        chosen = [0]
        while len(chosen) < kept:
            nearest = torch.stack([((points - points[c]) ** 2).sum(1) for c in chosen]).amin(0)
            chosen.append(int(nearest.argmax()))
        groups = []
        for center in points[chosen]:
            order = ((points - center) ** 2).sum(1).argsort(stable=True)[:32]
            groups.append(torch.cat([points[order] - center, features[order]], 1))
        grouped = torch.stack(groups)
        grouped = grouped + self.adjustment(f"{name}.afa.mlp", grouped)
        outputs = self.mlp(f"{name}.mlp", grouped.flatten(0, 1)).view(kept, 32, -1)
        return points[chosen], outputs.amax(1)

    def propagation(
        self, name: str, points: Tensor, features: Tensor, fewer: Tensor, theirs: Tensor
    ) -> Tensor:
        rows = []
        for point, feature in zip(points, features, strict=True):
            distances = ((fewer - point) ** 2).sum(1).sqrt()
            nearest = distances.argsort(stable=True)[:3]
            weights = 1 / (distances[nearest] + 1e-8)
            mixed = (theirs[nearest] * weights[:, None]).sum(0) / weights.sum()
            rows.append(torch.cat([mixed, feature]))
        return self.mlp(name, torch.stack(rows))

    def network(self, points: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        levels = [(points, features)]
        for number, kept in enumerate(SMALL):
            levels.append(self.abstraction(f"SA_modules.{number}", *levels[-1], kept))
        coarse = levels[4][1]
        for number in (3, 2, 1, 0):
            coarse = self.propagation(
                f"FP_modules.{number}.mlp", *levels[number], levels[number + 1][0], coarse
            )
        seen = self.layer("FC_layer.0", coarse)
        return seen, self.layer("FC_layer.2", seen)


def perturbed(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """In double precision, with normalisations that do something."""
    generator = torch.Generator().manual_seed(seed)
    module.double()
    for name, tensor in module.state_dict().items():
        if tensor.ndim == 1:
            low = 0.5 if name.endswith(("running_var", "bn.weight")) else -0.3
            tensor.copy_(low + torch.rand(tensor.shape, generator=generator, dtype=torch.float64))
    return module


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


@pytest.mark.parametrize("training", [False, True])
def test_adjustment_and_its_gradients_are_those_of_the_equations_pair_by_pair(training):
    module = perturbed(AdaptiveFeatureAdjustment(5, width=4)).train(training)
    features = torch.randn(3, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ours, slow = features.clone().requires_grad_(), features.clone().requires_grad_()
    weights = {f"afa.{name}": p.detach().clone() for name, p in module.state_dict().items()}
    names = [name for name, _ in module.named_parameters()]
    for name in names:
        weights[f"afa.{name}"].requires_grad_()
    toward = torch.randn_like(features)
    expected = Slow(weights, training).adjustment("afa.mlp", slow)
    expected.backward(toward)
    found = module(ours)
    found.backward(toward)
    assert torch.allclose(found, expected, rtol=1e-11, atol=1e-12)
    assert torch.allclose(ours.grad, slow.grad, rtol=1e-9, atol=1e-11)
    for name, parameter in module.named_parameters():
        assert torch.allclose(parameter.grad, weights[f"afa.{name}"].grad, rtol=1e-9, atol=1e-11)


def test_adjustment_keeps_the_running_statistics_of_all_pairs():
    module = perturbed(AdaptiveFeatureAdjustment(5, width=4)).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    features = torch.randn(3, 6, 5, dtype=torch.float64)
    module(features)
    eye = torch.eye(6, dtype=torch.bool)[..., None]
    rows = (features[:, :, None] - features[:, None].masked_fill(eye, 0)).flatten(0, 2)
    for number in (0, 1):
        rows = rows @ before[f"mlp.layer{number}.conv.weight"].flatten(1).t()
        name = f"mlp.layer{number}.bn.bn"
        mean = 0.9 * before[f"{name}.running_mean"] + 0.1 * rows.mean(0)
        variance = 0.9 * before[f"{name}.running_var"] + 0.1 * rows.var(0)
        assert torch.allclose(module.state_dict()[f"{name}.running_mean"], mean)
        assert torch.allclose(module.state_dict()[f"{name}.running_var"], variance)
        assert int(module.state_dict()[f"{name}.num_batches_tracked"]) == 1
        scale, shift = before[f"{name}.weight"], before[f"{name}.bias"]
        rows = F.batch_norm(rows, None, None, scale, shift, training=True).relu()


def test_adjustment_in_single_precision_stays_close_to_double():
    module = perturbed(AdaptiveFeatureAdjustment(9)).train()
    features = torch.randn(40, 32, 9, dtype=torch.float64)
    exact = module(features).detach()
    single = module.float()(features.float()).detach()
    assert float((single - exact).abs().max() / exact.abs().max()) < 1e-5


def test_adjustment_is_the_same_to_the_last_bit_with_any_number_of_threads():
    module = perturbed(AdaptiveFeatureAdjustment(9)).float().train()
    features = torch.randn(150, 32, 9)
    results = []
    for number in (1, 2, 3):
        torch.set_num_threads(number)
        mine = features.clone().requires_grad_()
        module.zero_grad()
        output = module(mine)
        output.square().sum().backward()
        gradients = [parameter.grad.clone() for parameter in module.mlp.layer1.parameters()]
        results.append([output.detach(), *gradients])
        assert torch.get_num_threads() == number
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_adjustment_under_autocast_gives_the_type_it_was_given():
    module = AdaptiveFeatureAdjustment(9).train()
    with torch.autocast("cpu", torch.bfloat16):
        output = module(torch.randn(4, 32, 9, dtype=torch.bfloat16))
    assert output.dtype == torch.bfloat16 and bool(output.isfinite().all())


def test_set_abstraction_is_that_of_loops():
    module = perturbed(SetAbstraction(7, [4, 5, 6])).eval()
    points, features = block(45, channels=4)
    weights = {f"sa.{name}": tensor for name, tensor in module.state_dict().items()}
    expected = Slow(weights).abstraction("sa", points[0], features[0], 7)
    for one, other in zip(module(points, features), expected, strict=True):
        assert torch.allclose(one[0], other, rtol=1e-10, atol=1e-12)


def test_feature_propagation_is_that_of_loops_and_of_points_that_coincide():
    module = perturbed(FeaturePropagation([10, 5])).eval()
    points, features = block(30, channels=4)
    fewer = torch.cat([points[:, 4:8], points[:, :3] + 0.25], 1)
    theirs = torch.rand(1, 7, 6, dtype=torch.float64)
    weights = {f"fp.{name}": tensor for name, tensor in module.state_dict().items()}
    expected = Slow(weights).propagation("fp.mlp", points[0], features[0], fewer[0], theirs[0])
    found = module(points, features, fewer, theirs)[0]
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-6)  # distances are float32


def test_the_network_is_that_of_loops_and_its_logits_are_linear_in_its_features():
    network = perturbed(PointWeb(4, centroids=SMALL)).eval()
    points, features = block(64, blocks=2)
    with torch.no_grad():
        output = network(points, features)
        slow = Slow(network.state_dict())
        expected = [slow.network(points[k], features[k]) for k in (0, 1)]
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
