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
    with pytest.raises(ExperimentError, match="is for ResNets and HRNet, which network 'x' has n"):
        load_encoder_weights(torch.nn.Linear(2, 2), "file.pth", "x")


def test_two_starts_and_none_are_refused(experiment, repository):
    space = LabelSpace.load(repository / "config" / "labels" / "scannet20.yaml")
    both = experiment_with(experiment, start_from="runs/one", encoder_weights="file.pth")
    with pytest.raises(ExperimentError, match="are two starts; name one of them"):
        new_network(both, space)
    gone = experiment_with(experiment, encoder_weights="gone.pth")
    with pytest.raises(ExperimentError, match=r"gone\.pth can't be read"):
        new_network(gone, space)
    assert new_network(gone, space, begun=True).num_classes == 20  # its weights are a checkpoint's
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


@pytest.fixture(scope="module")
def timm():
    from seg3d2d_ros.networks.hrnet import timm_package

    try:
        return timm_package()
    except ModuleNotFoundError as error:
        pytest.skip(str(error))


def timm_weights(timm, name):
    """Names, shapes and types of timm's own network, each weight with values of its own."""
    with torch.device("meta"):
        state = timm.create_model(name).state_dict()
    values = torch.randn(4096, generator=torch.Generator().manual_seed(1)).half()
    made = {}
    for number, (key, tensor) in enumerate(state.items()):
        if tensor.is_floating_point():
            some = values * (1 + number / len(state))
            repeated = some.repeat(-(-tensor.numel() // len(some)))[: tensor.numel()]
            made[key] = repeated.view(tensor.shape).clone()
        else:
            made[key] = torch.tensor(number)
    return made


class HRNetwork(torch.nn.Module):
    """With the encoder of hrnet_ocr, whose weights are not drawn."""

    def __init__(self) -> None:
        from seg3d2d_ros.networks.hrnet import HRNet

        super().__init__()
        with torch.device("meta"):
            self.encoder = HRNet()


@pytest.mark.parametrize("kind", ["model.safetensors", "pytorch_model.bin"])
def test_hrnet_starts_from_timms_file(timm, tmp_path, kind):
    from safetensors.torch import save_file

    from seg3d2d_ros.networks.depth_cascade import add_input_channel

    state = timm_weights(timm, "hrnet_w48")
    file = tmp_path / kind
    if kind.endswith("safetensors"):
        save_file(state, file)
    else:
        torch.save(state, file)
    network = HRNetwork()
    network.encoder.to_empty(device="cpu")
    load_encoder_weights(network, str(file), "hrnet_ocr")
    loaded = network.encoder.layers.state_dict()
    assert len(loaded) > 1500 and {name for name in state if name not in loaded} == {
        name
        for name in state
        if name.startswith(("incre_modules", "downsamp_modules", "final_layer", "classifier"))
    }
    for name, value in loaded.items():
        assert torch.equal(value, state[name].to(value.dtype)), name
    if kind.endswith("safetensors"):
        return
    # an encoder that sees depth, too
    add_input_channel(network.encoder)
    network.encoder.layers.conv1.weight.data.zero_()
    load_encoder_weights(network, str(file), "depth_cascade")
    first = network.encoder.layers.conv1.weight
    assert torch.equal(first[:, :3], state["conv1.weight"].float()) and not first[:, 3].any()


def test_another_hrnets_file_and_a_resnets_are_one_sentence(timm, published, tmp_path):
    torch.save(timm_weights(timm, "hrnet_w18_small"), tmp_path / "w18.bin")
    network = HRNetwork()
    for file in (tmp_path / "w18.bin", published[0]):
        with pytest.raises(
            ExperimentError, match=r"another network than timm's hrnet_w48: \d+ weights differ, the"
        ) as caught:
            load_encoder_weights(network, str(file), "hrnet_ocr")
        assert "first: 'layer1.0.conv1.weight' is [" in str(caught.value)
        assert "\n" not in str(caught.value)
