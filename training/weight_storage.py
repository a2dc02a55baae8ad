# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Storing an ONNX graph's weights in half precision: half the file, the same arithmetic.

Runtimes turn the stored values into fp32 constants when they load the graph, so nothing is computed
in fp16.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_LEAST_VALUES = 256


def store_weights_as_fp16(path: Path) -> None:
    """Rewrite a graph so that its large fp32 weights are stored as fp16 and cast when loaded.

    Only tensors of which fp16 holds every value exactly, so that the graph computes the same.
    """
    model = onnx.load(path)
    graph = model.graph
    casts = []
    for position, tensor in enumerate(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            exact = np.array_equal(values.astype(np.float16).astype(np.float32), values)
        if values.size < _LEAST_VALUES or not exact:
            continue
        stored = f"{tensor.name}_fp16"
        casts.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
        graph.initializer[position].CopyFrom(
            numpy_helper.from_array(values.astype(np.float16), stored)
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)
