# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Networks with a distillation branch as ONNX graphs of free size."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")

from seg3d2d_ros.bundle import InputSpec  # noqa: E402
from seg3d2d_ros.networks.dimension_norm import DimensionNorm  # noqa: E402
from seg3d2d_ros.networks.parsing_graph import ParsingGraph  # noqa: E402
from seg3d2d_ros.networks.registry import (  # noqa: E402
    build_network,
    geometry,
    pixel_statistics,
)
from training import onnx_graph  # noqa: E402
from training.onnx_graph import export_onnx  # noqa: E402

BRANCH = {"feature_width": 12, "hidden": 16, "width_2d": 14}


def graph_of(name: str, config, norms=None) -> ParsingGraph:
    torch.manual_seed(3)
    network = build_network(name, {**config, "branch": {**BRANCH, **(norms or {})}}, 6)
    for module in network.modules():
        if isinstance(module, DimensionNorm):
            module.set_target([0.5], [0.7])
            module.delta_sigma.data.uniform_(0.5, 1.5)
            module.delta_mu.data.normal_()
    # batch norms take on statistics, so that features neither vanish nor grow
    network.train()
    with torch.no_grad():
        for _ in range(3):
            logits = network(torch.randn(2, 3, 64, 64))
        # no class is ahead everywhere
        last = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)][-1]
        last.bias -= logits.mean((0, 2, 3))
    return ParsingGraph(network.eval(), *pixel_statistics(network), 1.0)


@pytest.mark.parametrize(
    ("name", "config", "example", "sizes"),
    [
        ("pspnet", {}, (40, 48), [(40, 56), (64, 24)]),
        ("efficientnet_lite_fpn", {"width": 16}, (64, 96), [(96, 64), (32, 128)]),
    ],
)
def test_runtimes_agree_with_pytorch_at_sizes_that_are_not_the_examples(
    name, config, example, sizes, tmp_path
):
    openvino = pytest.importorskip("openvino")
    graph, path = graph_of(name, config), tmp_path / "graph.onnx"
    spec = InputSpec(*example, geometry(graph.network)[1], *pixel_statistics(graph.network))
    export_onnx(graph, spec, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    model = openvino.Core().read_model(path)
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.compile_model(model, "CPU", exact)
    rng = np.random.default_rng(0)
    for count, size in enumerate(sizes, 1):
        images = rng.integers(0, 256, (count, *size, 3), np.uint8)
        with torch.inference_mode():
            labels, confidence = (value.numpy() for value in graph(torch.from_numpy(images)))
        assert labels.shape == (count, *size) and len(np.unique(labels)) > 1
        in_onnx = session.run(["labels", "confidence"], {"image": images})
        outputs = compiled({"image": images})
        for theirs in (in_onnx, (outputs["labels"], outputs["confidence"])):
            assert (theirs[0] == labels).mean() >= 0.995
            assert np.abs(theirs[1].astype(int) - confidence.astype(int)).max() <= 2


def with_logits(path):
    """The graph in a file, whose logits before the upsampling are an output, too."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(path)
    last = next(
        node
        for node in model.graph.node
        if node.op_type == "Conv" and "network.classifier.classifier.4.weight" in node.input
    )
    model.graph.output.append(onnx.ValueInfoProto(name=last.output[0]))
    return model, last.output[0]


def computing(graph):
    """Nodes beside those that hold or name constants."""
    constant = {"Constant", "Identity"}
    return [node for node in graph.node if node.op_type not in constant]


@pytest.mark.parametrize("norms", [{}, {"norm": "bn"}])
def test_norms_of_the_branch_are_folded_and_logits_are_those_of_the_network(
    norms, tmp_path, monkeypatch
):
    graph = graph_of("efficientnet_lite_fpn", {"width": 16}, norms)
    before = {name: value.clone() for name, value in graph.state_dict().items()}
    spec = InputSpec(64, 96, 32, *pixel_statistics(graph.network))
    export_onnx(graph, spec, tmp_path / "folded.onnx")
    after = graph.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    model, name = with_logits(tmp_path / "folded.onnx")
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 64, 3), np.uint8)
    with torch.inference_mode():
        expected = graph.logits(torch.from_numpy(images)).numpy()
    logits = session.run([name], {"image": images})[0]
    assert logits.shape == expected.shape == (2, 6, 24, 16) and expected.std() > 0.01
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    for border in (np.s_[..., 0, :], np.s_[..., -1, :], np.s_[..., 0], np.s_[..., -1]):
        np.testing.assert_allclose(logits[border], expected[border], rtol=1e-4, atol=1e-4)

    monkeypatch.setattr(onnx_graph, "fold", lambda network: network)
    export_onnx(graph, spec, tmp_path / "unfolded.onnx")
    unfolded, _ = with_logits(tmp_path / "unfolded.onnx")
    nodes, more = (computing(each.graph) for each in (model, unfolded))
    assert len(nodes) == len(more) - 1
    assert [node.op_type for node in nodes if "/norm1/" in node.name] == []
    assert [node.op_type for node in nodes if "/norm2/" in node.name] == ["BatchNormalization"]
    assert sum("/norm1/" in node.name or "/norm2/" in node.name for node in more) == 2


def test_the_depth_head_of_multitask_is_not_in_the_graph(tmp_path):
    onnx = pytest.importorskip("onnx")
    student = {"network": "efficientnet_lite_fpn", "config": {"width": 8}}
    network = build_network("depth_multitask", {**student, "hidden": 8, "width": 8}, 6).eval()
    assert any(name.startswith("depth_head") for name, _ in network.named_parameters())
    graph = ParsingGraph(network, *pixel_statistics(network), 1.0)
    spec = InputSpec(64, 96, 32, *pixel_statistics(network))
    export_onnx(graph, spec, tmp_path / "graph.onnx")
    model = onnx.load(tmp_path / "graph.onnx").graph
    names = [tensor.name for tensor in model.initializer] + [node.name for node in model.node]
    assert any("parsing_network" in name for name in names)
    assert not any("depth_head" in name for name in names)
