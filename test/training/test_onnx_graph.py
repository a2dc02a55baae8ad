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
from training.onnx_graph import export_onnx  # noqa: E402

BRANCH = {"feature_width": 12, "hidden": 16, "width_2d": 14}


def graph_of(name: str, config) -> ParsingGraph:
    torch.manual_seed(3)
    network = build_network(name, {**config, "branch": BRANCH}, 6)
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
