# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from training.weight_storage import store_weights_as_fp16  # noqa: E402


def save_product(path, weights):
    """A graph that multiplies a row by a matrix and adds a small bias."""
    size = weights.shape[1]
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["product"]),
            helper.make_node("Add", ["product", "b"], ["y"]),
        ],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, len(weights)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, size])],
        [
            numpy_helper.from_array(weights, "w"),
            numpy_helper.from_array(np.full(size, 0.1, np.float32), "b"),
        ],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)


def product(path, x):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def test_half_the_size_of_weights_that_fp16_holds(tmp_path):
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 1, (200, 100)).astype(np.float16).astype(np.float32)
    x = rng.normal(0, 1, (1, 200)).astype(np.float32)
    path = tmp_path / "model.onnx"
    save_product(path, weights)
    before = path.stat().st_size
    store_weights_as_fp16(path)
    assert path.stat().st_size < 0.52 * before
    # 0.1, which fp16 does not hold, is as it was
    np.testing.assert_allclose(
        product(path, x), x @ weights + np.float32(0.1), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("value", [1e6, 1.0001, 1e-9])
def test_values_that_half_precision_does_not_hold_stay(tmp_path, value):
    weights = np.full((20, 20), value, np.float32)
    path = tmp_path / "model.onnx"
    save_product(path, weights)
    before = path.read_bytes()
    store_weights_as_fp16(path)
    stored = numpy_helper.to_array(onnx.load(path).graph.initializer[0])
    assert stored.dtype == np.float32 and np.array_equal(stored, weights)
    assert path.stat().st_size == len(before)
