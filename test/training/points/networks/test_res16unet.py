# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from training.points.networks.point_network import PointNetworkError
from training.points.networks.registry import build_point_network
from training.points.networks.res16unet import RES16UNET_SHAPES
from training.points.sparse.voxel_pyramid import VoxelError


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors gain nothing from more, and lose much where the cores are busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def spread_norms(network, seed=0):
    """Statistics and scales away from their start, so that batch norms matter."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
            module.weight.data.uniform_(0.8, 1.2, generator=generator)
            module.bias.data.normal_(0, 0.1, generator=generator)
    return network


def small_network(**settings):
    torch.manual_seed(0)
    return spread_norms(build_point_network("res16unet14a", settings, 5))


def random_voxels(count, extent, seed=0, scenes=2, channels=3):
    generator = torch.Generator().manual_seed(seed)
    drawn = [
        torch.randint(0, n, (count,), generator=generator) for n in (scenes, extent, extent, extent)
    ]
    voxels = torch.unique(torch.stack(drawn, 1), dim=0).int()
    return voxels, torch.rand(len(voxels), channels, generator=generator) - 0.5


class DenseUNet:
    """The same network by dense convolution of zero-filled volumes [n, c, x, y, z] and masks."""

    def __init__(self, state, layers):
        self.state, self.layers = state, layers

    def convolution(self, name, volume, stride=1, transposed=False):
        kernel = self.state[f"{name}.kernel"]
        if kernel.ndim == 2:
            kernel = kernel[None]
        size = round(kernel.shape[0] ** (1 / 3))
        # the first axis of the weights counts z slowest and x fastest
        weight = kernel.reshape(size, size, size, *kernel.shape[1:]).permute(4, 3, 2, 1, 0)
        if transposed:
            return F.conv_transpose3d(volume, weight.transpose(0, 1), stride=stride)
        return F.conv3d(volume, weight, stride=stride, padding=size // 2 if size % 2 else 0)

    def norm(self, name, volume, mask):
        part = {key: self.state[f"{name}.bn.{key}"] for key in ("weight", "bias")}
        mean, variance = (self.state[f"{name}.bn.running_{key}"] for key in ("mean", "var"))
        return F.batch_norm(volume, mean, variance, **part) * mask

    def block(self, name, volume, mask):
        shortcut = volume
        if f"{name}.downsample.0.kernel" in self.state:
            shortcut = self.convolution(f"{name}.downsample.0", volume)
            shortcut = self.norm(f"{name}.downsample.1", shortcut, mask)
        inner = self.convolution(f"{name}.conv1", volume) * mask
        inner = self.norm(f"{name}.norm1", inner, mask).relu()
        inner = self.convolution(f"{name}.conv2", inner) * mask
        return (self.norm(f"{name}.norm2", inner, mask) + shortcut).relu()

    def blocks(self, number, volume, mask):
        for layer in range(self.layers[number - 1]):
            volume = self.block(f"block{number}.{layer}", volume, mask)
        return volume

    def __call__(self, volume, mask):
        masks = [mask]
        volume = self.convolution("conv0p1s1", volume) * mask
        volume = self.norm("bn0", volume, mask).relu()
        skipped = [volume]
        for k in range(1, 5):
            masks.append(F.max_pool3d(masks[-1], 2))
            volume = self.convolution(f"conv{k}p{2 ** (k - 1)}s2", volume, stride=2) * masks[-1]
            volume = self.norm(f"bn{k}", volume, masks[-1]).relu()
            volume = self.blocks(k, volume, masks[-1])
            skipped.append(volume)
        for k in range(4, 8):
            name = f"convtr{k}p{2 ** (8 - k)}s2"
            volume = self.convolution(name, volume, stride=2, transposed=True) * masks[7 - k]
            volume = self.norm(f"bntr{k}", volume, masks[7 - k]).relu()
            volume = torch.cat([volume, skipped[7 - k]], 1)
            volume = self.blocks(k + 1, volume, masks[7 - k])
        logits = self.convolution("final", volume) + self.state["final.bias"].view(1, -1, 1, 1, 1)
        return volume, logits


@pytest.mark.parametrize(
    "name, kernel_size, channels, classes, parameters",
    [
        # counted in the published code's own classes
        ("res16unet34c", 5, 3, 20, 37_856_052),
        ("res16unet34c", 3, 3, 20, 37_846_644),
        ("res16unet14a", 5, 3, 20, 8_024_500),
        ("res16unet18a", 3, 3, 20, 15_483_764),
        ("res16unet18", 5, 6, 13, 41_013_133),
        ("res16unet34", 5, 6, 13, 57_164_941),
    ],
)
def test_parameters_are_as_many_as_the_published_codes(
    name, kernel_size, channels, classes, parameters
):
    settings = {"conv1_kernel_size": kernel_size, "in_channels": channels}
    network = build_point_network(name, settings, classes)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert network.feature_width == (256 if name in ("res16unet18", "res16unet34") else 96)


def test_weights_have_the_published_names_and_shapes():
    state = build_point_network("res16unet34c", {}, 20).state_dict()
    expected = {
        "conv0p1s1.kernel": (125, 3, 32),
        "bn0.bn.weight": (32,),
        "conv1p1s2.kernel": (8, 32, 32),
        "block1.0.conv1.kernel": (27, 32, 32),
        "block1.0.norm1.bn.running_var": (32,),
        "block3.0.downsample.0.kernel": (64, 128),
        "block3.0.downsample.1.bn.bias": (128,),
        "block4.5.conv2.kernel": (27, 256, 256),
        "convtr4p16s2.kernel": (8, 256, 256),
        "bntr4.bn.running_mean": (256,),
        "convtr5p8s2.kernel": (8, 256, 128),
        "convtr6p4s2.kernel": (8, 128, 96),
        "convtr7p2s2.kernel": (8, 96, 96),
        "block8.0.conv1.kernel": (27, 128, 96),
        "final.kernel": (96, 20),
        "final.bias": (1, 20),
    }
    assert {name: tuple(state[name].shape) for name in expected} == expected
    assert "block2.0.downsample.0.kernel" in state
    assert "block1.0.downsample.0.kernel" not in state


@pytest.mark.parametrize("conv1_kernel_size", [3, 5])
def test_outputs_are_those_of_dense_convolution_of_masked_volumes(conv1_kernel_size):
    network = small_network(conv1_kernel_size=conv1_kernel_size).eval()
    shape = (2, 16, 16, 32)
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand((2, 1, 8, 8, 16), generator=generator)
    occupied = F.interpolate(coarse, scale_factor=2)[:, 0] > 0.6
    occupied &= torch.rand(shape, generator=generator) > 0.2
    voxels = torch.nonzero(occupied).int()
    shuffled = voxels[torch.randperm(len(voxels), generator=generator)]
    features = torch.rand(len(voxels), 3, generator=generator) - 0.5
    places = tuple(shuffled.long().t())
    volume = torch.zeros(*shape, 3)
    volume[places] = features
    reference = DenseUNet(network.state_dict(), RES16UNET_SHAPES["res16unet14a"].layers)
    with torch.no_grad():
        output = network(shuffled, features)
        expected = reference(volume.permute(0, 4, 1, 2, 3), occupied[:, None].float())
    for ours, dense in zip((output.features, output.logits), expected, strict=True):
        wanted = dense.permute(0, 2, 3, 4, 1)[places]
        assert float((ours - wanted).abs().max() / wanted.abs().max()) < 1e-5
    assert float(output.features.std()) > 0.05


def test_features_are_what_the_classifier_sees_and_never_negative():
    network = small_network().eval()
    with torch.no_grad():
        output = network(*random_voxels(500, 20))
        weight, bias = network.classifier
    assert output.features.shape[1] == network.feature_width == 96
    assert float(output.features.min()) == 0
    assert torch.allclose(output.logits, output.features @ weight.t() + bias, atol=1e-5)


def test_gradients_reach_every_weight():
    network = small_network().train()
    voxels, features = random_voxels(600, 40)
    output = network(voxels, features)
    F.cross_entropy(output.logits, torch.arange(len(voxels)) % 5).backward()
    silent = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not bool(parameter.grad.abs().max() > 0)
    ]
    assert silent == []


def test_scenes_of_a_batch_do_not_see_each_other():
    network = small_network().eval()
    voxels, features = random_voxels(600, 20)
    first = voxels[:, 0] == 0
    with torch.no_grad():
        both = network(voxels, features).logits[first]
        alone = network(voxels[first], features[first]).logits
    assert torch.allclose(both, alone, atol=1e-5)


@pytest.mark.parametrize("voxels", [[[0, 3, 4, 5]], [[0, 3, 4, 5], [0, -7, 4, 900]]])
def test_one_or_two_voxels_are_enough_for_evaluation(voxels):
    network = small_network().eval()
    with torch.no_grad():
        output = network(torch.tensor(voxels).int(), torch.rand(len(voxels), 3))
    assert output.logits.shape == (len(voxels), 5)
    assert bool(torch.isfinite(output.logits).all())


def test_moving_a_scene_by_the_coarsest_stride_changes_nothing():
    network = small_network().eval()
    voxels, features = random_voxels(400, 20)
    with torch.no_grad():
        here = network(voxels, features).logits
        there = network(voxels + torch.tensor([0, -48, 16, -160]).int(), features).logits
    assert torch.allclose(here, there, atol=1e-5)


def test_both_engines_give_the_same():
    pytest.importorskip("MinkowskiEngine", reason="MinkowskiEngine is not installed")
    plain, minkowski = small_network().eval(), small_network(engine="minkowski").eval()
    minkowski.load_state_dict(plain.state_dict())
    voxels, features = random_voxels(800, 24)
    with torch.no_grad():
        one, other = plain(voxels, features), minkowski(voxels, features)
    for name in ("features", "logits"):
        a, b = getattr(one, name), getattr(other, name)
        assert float((a - b).abs().max() / a.abs().max()) < 1e-4


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"conv1_kernel_size": 4}, "conv1_kernel_size is 4"),
        ({"bn_momentum": 0.0}, "bn_momentum is 0.0"),
        ({"in_channels": 0}, "at least one class and one input channel"),
        ({"engine": "spconv"}, "no engine 'spconv'; there are plain, minkowski"),
        ({"planes": 3}, "planes"),
    ],
)
def test_impossible_settings_are_refused_with_a_sentence(settings, message):
    with pytest.raises(PointNetworkError, match=message):
        build_point_network("res16unet14a", settings, 5)


def test_features_of_another_width_or_count_are_refused():
    network = small_network()
    voxels, features = random_voxels(50, 20)
    with pytest.raises(PointNetworkError, match="takes 3 channels for each of"):
        network(voxels, features[:, :2])
    with pytest.raises(PointNetworkError, match="takes 3 channels for each of"):
        network(voxels, features[1:])


@pytest.mark.parametrize(
    "voxels, message",
    [
        (np.zeros((0, 4)), "no voxels"),
        ([[0, 1, 2, 3], [0, 1, 2, 3]], "twice"),
        ([[0, 1, 40000, 3]], "40000"),
    ],
)
def test_impossible_voxels_are_refused_with_a_sentence(voxels, message):
    voxels = torch.tensor(voxels).int()
    with pytest.raises(VoxelError, match=message):
        small_network()(voxels, torch.zeros(len(voxels), 3))
