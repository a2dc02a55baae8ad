# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The weights of a bundle in its formats, refused where these disagree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from seg3d2d_ros.bundle import InputSpec, ModelBundle
from seg3d2d_ros.bundle_writer import WeightsSource
from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from seg3d2d_ros.networks.stored_weights import fill_from_safetensors, weights_to_safetensors
from seg3d2d_ros.parser import ParseFailure, ParserConfig, SceneParser
from seg3d2d_ros.resizing import resize_to_network
from training.engine.evaluation import Predictor
from training.onnx_graph import export_onnx, onnx_agreement
from training.quantisation import quantise
from training.weight_storage import store_weights_as_fp16

Image = npt.NDArray[np.uint8]
"""RGB, (H, W, 3)."""
MINIMUM_AGREEMENT = 0.995


class ExportError(RuntimeError):
    """A model cannot be exported; the message is one sentence."""


def round_as_stored(network: nn.Module) -> None:
    """Round the kernels of a network as bundles store them, so that it is the model they hold."""
    fill_from_safetensors(network, weights_to_safetensors(network))


def export_weights(
    graph: ParsingGraph, spec: InputSpec, folder: Path, *, int8_images: Sequence[Image] = ()
) -> list[WeightsSource]:
    """Write a network in the formats of a bundle: ONNX, safetensors, and int8 where asked for.

    Args:
        graph: whose network's kernels are rounded as they are stored.
        spec: network size.
        folder: to write to.
        int8_images: on which the ranges of int8 are measured; none for no int8.
    """
    path = folder / "model.onnx"
    export_onnx(graph, spec, path)
    weights = [WeightsSource(path, "onnx", "fp32")]
    if int8_images:
        weights.append(quantise(path, int8_images, spec, folder))
    store_weights_as_fp16(path)
    plain = folder / "model.safetensors"
    plain.write_bytes(weights_to_safetensors(graph.network))
    weights.append(WeightsSource(plain, "safetensors", "fp32"))
    return weights


def check_onnx(
    weights: Sequence[WeightsSource],
    graph: ParsingGraph,
    spec: InputSpec,
    images: Sequence[Image],
) -> float:
    """Least part of equal labels in one of the images, ONNX Runtime against PyTorch.

    Raises:
        ExportError: if it is too little.
    """
    resized = [resize_to_network(image, spec) for image in images]
    agreement = min(onnx_agreement(weights[0].path, graph, resized))
    if agreement < MINIMUM_AGREEMENT:
        raise ExportError(
            f"ONNX Runtime agrees with PyTorch on {100 * agreement:.2f} % of the pixels of a "
            f"reference image, less than {100 * MINIMUM_AGREEMENT} %; nothing was exported"
        )
    return agreement


def bundle_predictor(parser: SceneParser) -> Predictor:
    """The robot's own parser as evaluation calls it; it raises ExportError where parsing fails."""

    def predict(image: Image) -> npt.NDArray[Any]:
        result = parser.parse(image)
        if isinstance(result, ParseFailure):
            raise ExportError(f"the bundle {parser.bundle.path} fails: {result.reason}")
        return result.labels

    return predict


def check_safetensors(bundle: ModelBundle, pairs: Sequence[tuple[Image, npt.NDArray[Any]]]) -> None:
    """Refuse a bundle whose two files of weights disagree.

    Args:
        bundle: that has both.
        pairs: images and the labels that ONNX Runtime gives.

    Raises:
        ExportError: if they disagree.
    """
    predict = bundle_predictor(SceneParser(bundle, ParserConfig("torch", "cpu", "fp32")))
    agreement = float(np.mean([(predict(image) == labels).mean() for image, labels in pairs]))
    if agreement < MINIMUM_AGREEMENT:
        raise ExportError(
            f"the safetensors agree with the ONNX graph on {100 * agreement:.2f} % of the "
            f"reference pixels, less than {100 * MINIMUM_AGREEMENT} %; nothing was exported"
        )
