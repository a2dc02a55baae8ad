# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.networks.efficientnet_lite import EfficientNetLite  # noqa: E402
from seg3d2d_ros.networks.layer_features import first_convolution  # noqa: E402
from seg3d2d_ros.networks.parsing_graph import ParsingGraph  # noqa: E402
from seg3d2d_ros.networks.registry import NetworkError, build_network  # noqa: E402

STUDENT = {
    "network": "efficientnet_lite_fpn",
    "config": {"width": 8},
    "depth_config": {"width": 8},
}


@pytest.fixture
def cascade():
    torch.manual_seed(0)
    return build_network("depth_cascade", STUDENT, 5)


def test_at_first_it_parses_as_without_depth(cascade):
    plain = build_network("efficientnet_lite_fpn", {"width": 8}, 5).eval()
    state = {name: value.clone() for name, value in cascade.parsing_network.state_dict().items()}
    stem = "encoder.stem.0.weight"
    assert state[stem].shape[1] == 4
    state[stem] = state[stem][:, :3]
    plain.load_state_dict(state)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(cascade.eval()(image), plain(image))


def test_the_depth_map_is_the_fourth_channel(cascade):
    cascade.eval()
    image = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        first_convolution(cascade.encoder).weight[:, 3].normal_()
        maps = cascade.depth_network(image)
        depth = torch.nn.functional.interpolate(maps, (64, 96), mode="bilinear")
        expected = cascade.parsing_network(torch.cat([image, (depth - 1.0) / 0.5], 1))
        torch.testing.assert_close(cascade(image), expected)
        torch.testing.assert_close(cascade.outputs(image).logits, expected)
        assert cascade.log_depth(image).shape == (2, 1, 64, 96)


def test_training_leaves_the_depth_network_as_it_is(cascade):
    cascade.train()
    before = {name: value.clone() for name, value in cascade.depth_network.state_dict().items()}
    cascade(torch.randn(2, 3, 64, 64)).square().mean().backward()
    learning = [p for p in cascade.parameters() if p.requires_grad]
    torch.optim.SGD(learning, 0.1).step()
    assert len(learning) == len(list(cascade.parsing_network.parameters()))
    assert first_convolution(cascade.encoder).weight.grad[:, 3].any()
    after = cascade.depth_network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_weights_for_three_channels_can_be_loaded(cascade):
    encoder = EfficientNetLite()
    with torch.no_grad():
        first_convolution(cascade.encoder).weight[:, 3].fill_(0.25)
    cascade.encoder.load_state_dict(encoder.state_dict())
    found = first_convolution(cascade.encoder).weight
    assert torch.equal(found[:, :3], first_convolution(encoder).weight)
    assert (found[:, 3] == 0.25).all()
    again = build_network("depth_cascade", STUDENT, 5)
    again.load_state_dict(cascade.state_dict())
    assert torch.equal(first_convolution(again.encoder).weight, found)


def test_a_robot_runs_it_from_rgb_alone(cascade, tmp_path):
    onnx = pytest.importorskip("onnxruntime")
    assert onnx
    from seg3d2d_ros.bundle import InputSpec
    from training.onnx_graph import export_onnx, onnx_agreement

    with torch.no_grad():
        first_convolution(cascade.encoder).weight[:, 3].normal_()
    mean = (127.0,) * 3
    graph = ParsingGraph(cascade, mean, mean, 1.0).eval()
    export_onnx(graph, InputSpec(64, 96, 32, mean, mean), tmp_path / "graph.onnx")
    image = torch.randint(0, 256, (96, 64, 3), dtype=torch.uint8).numpy()
    assert onnx_agreement(tmp_path / "graph.onnx", graph, [image])[0] > 0.999


def test_networks_that_take_other_images_are_refused():
    with pytest.raises(NetworkError, match="place their features differently"):
        build_network("depth_cascade", {"depth_network": "efficientnet_lite_fpn"}, 5)
