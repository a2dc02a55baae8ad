# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A parsing graph as ONNX, and how well ONNX Runtime agrees with PyTorch on it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from seg3d2d_ros.bundle import InputSpec
from seg3d2d_ros.networks.folding import fold
from seg3d2d_ros.networks.parsing_graph import ParsingGraph

OPSET = 17


def export_onnx(graph: ParsingGraph, spec: InputSpec, path: Path) -> None:
    """Write a graph as ONNX with free batch size, height and width.

    The norms of its distillation branch are folded, see :mod:`seg3d2d_ros.networks.folding`; what
    training alone needs, such as auxiliary heads and a depth head, is left out.

    Args:
        graph: put into evaluation mode, and else left as it is.
        spec: network size.
        path: of the file to write.
    """
    folded = copy.deepcopy(graph.eval())
    fold(folded.network)
    example = torch.zeros(1, spec.height, spec.width, 3, dtype=torch.uint8)
    with torch.inference_mode(), warnings.catch_warnings():
        # The tracer warns of shape arithmetic that the graph holds as such, and is checked after.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            folded,
            (example,),
            str(path),
            input_names=["image"],
            output_names=["labels", "confidence"],
            dynamic_axes={
                name: {0: "N", 1: "H", 2: "W"} for name in ("image", "labels", "confidence")
            },
            opset_version=OPSET,
            dynamo=False,
            # Batch norms stay apart from the kernels, which thus are those of the network.
            training=torch.onnx.TrainingMode.PRESERVE,
        )


def onnx_agreement(
    path: Path, graph: ParsingGraph, images: Sequence[npt.NDArray[np.uint8]]
) -> list[float]:
    """Parts of equal labels in each of the images (H, W, 3), ONNX Runtime against PyTorch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    agreements = []
    for image in images:
        with torch.inference_mode():
            ours = graph(torch.from_numpy(image)[None])[0].numpy()
        theirs = session.run(["labels"], {"image": image[None]})[0]
        agreements.append(float((ours == theirs).mean()))
    return agreements
