# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Encoders that start from a file of ImageNet weights."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.labels import LabelSpace  # noqa: E402
from seg3d2d_ros.networks.resnet import DilatedResNet, semseg_name  # noqa: E402
from training.engine.components import new_network  # noqa: E402
from training.engine.encoder_weights import load_encoder_weights  # noqa: E402
from training.engine.experiment import experiment_from_mapping  # noqa: E402
from training.engine.settings import ExperimentError  # noqa: E402


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """File and content as semseg's: names of its ResNet, ImageNet's classifier, no counters."""
    torch.manual_seed(5)
    state = {
        semseg_name(name): torch.randn(value.shape)
        for name, value in DilatedResNet(50).state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    state |= {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    file = tmp_path_factory.mktemp("imagenet") / "resnet50_v2.pth"
    torch.save(state, file)
    return file, state


class Network(torch.nn.Module):
    def __init__(self, depth: int = 50) -> None:
        super().__init__()
        self.encoder = DilatedResNet(depth)


def experiment_with(experiment, **network):
    experiment["network"] = {"name": "pspnet", "config": {}, **network}
    return experiment_from_mapping(experiment)


def test_the_encoder_starts_from_the_file(published, experiment, repository):
    file, state = published
    space = LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")
    network = new_network(experiment_with(experiment, encoder_weights=str(file)), space)
    encoder = network.encoder
    assert torch.equal(encoder.stem[0].weight, state["conv1.weight"])
    assert torch.equal(encoder.stages[3][2].bn3.running_var, state["layer4.2.bn3.running_var"])
    assert torch.equal(
        encoder.stages[1][0].downsample[0].weight, state["layer2.0.downsample.0.weight"]
    )
    assert encoder.stem[1].num_batches_tracked == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conv1.weight": torch.zeros(64, 3, 7, 7)}, r"'conv1\.weight' is \[64, 3, 7, 7\] and not"),
        (
            {"layer1.0.bn1.bias": None},
            r"1 weights differ, the first: 'layer1\.0\.bn1\.bias' is mis",
        ),
        ({"head.weight": torch.zeros(2)}, r"the first: 'head\.weight' is unknown"),
    ],
)
def test_other_names_and_shapes_are_one_sentence(published, tmp_path, change, message):
    state = {n: value for n, value in {**published[1], **change}.items() if value is not None}
    torch.save(state, tmp_path / "other.pth")
    network = Network()
    before = network.encoder.stem[0].weight.clone()
    with pytest.raises(ExperimentError, match=message) as caught:
        load_encoder_weights(network, str(tmp_path / "other.pth"), "pspnet")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("network.encoder_weights: ")
    assert torch.equal(network.encoder.stem[0].weight, before)


def test_a_file_that_is_none_and_a_network_without_resnet_are_one_sentence(tmp_path, experiment):
    with pytest.raises(ExperimentError, match=r"network\.encoder_weights: .*absent\.pth can't be"):
        load_encoder_weights(Network(), str(tmp_path / "absent.pth"), "pspnet")
    with pytest.raises(ExperimentError, match="is for ResNets, which network 'x' has none of"):
        load_encoder_weights(torch.nn.Linear(2, 2), "file.pth", "x")


def test_two_starts_and_none_are_refused(experiment, repository):
    space = LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")
    both = experiment_with(experiment, start_from="runs/one", encoder_weights="file.pth")
    with pytest.raises(ExperimentError, match="are two starts; name one of them"):
        new_network(both, space)
    with pytest.raises(
        ExperimentError, match=r"no ImageNet weights for network 'pspnet'; name a f"
    ):
        new_network(experiment_with(experiment, imagenet=True), space)


def test_an_encoder_with_a_channel_for_depth_starts_from_the_file_of_colours(published):
    from seg3d2d_ros.networks.registry import build_network

    file, state = published
    cascade = build_network("depth_cascade", {}, 3)
    load_encoder_weights(cascade, str(file), "depth_cascade")
    first = cascade.encoder.stem[0].weight
    assert torch.equal(first[:, :3], state["conv1.weight"]) and not first[:, 3].any()
