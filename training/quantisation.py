# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Post-training quantisation of an exported graph to int8, as an OpenVINO IR."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.bundle import InputSpec
from seg3d2d_ros.bundle_writer import WeightsSource
from seg3d2d_ros.resizing import resize_to_network


class QuantisationError(RuntimeError):
    """A graph can't be quantised; the message is one sentence."""


def check_tools() -> None:
    """Whether what quantises is installed.

    Raises:
        QuantisationError: if not.
    """
    missing = [name for name in ("nncf", "openvino") if importlib.util.find_spec(name) is None]
    if missing:
        raise QuantisationError(f"--int8 needs {' and '.join(missing)}: pip install nncf openvino")


def quantise(
    graph: Path, images: Sequence[npt.NDArray[np.uint8]], spec: InputSpec, folder: Path
) -> WeightsSource:
    """Quantise weights and activations by NNCF, ranges and biases measured on images.

    Args:
        graph: ONNX file of a parsing graph.
        images: RGB (H, W, 3) that show what the robot will see, some hundred of them.
        spec: network size at which the images are seen.
        folder: where ``int8.xml`` and ``int8.bin`` go.

    Returns:
        The IR, which takes images of any size as the graph does.

    Raises:
        QuantisationError: if NNCF or OpenVINO is not installed or fails.
    """
    check_tools()
    os.environ.setdefault("NNCF_CI", "1")  # or NNCF reports its use to its makers
    import nncf
    import openvino

    model = openvino.Core().read_model(graph)
    # Padding is computed from the size, and with a fixed size NNCF sees plain convolutions.
    model.reshape({"image": [1, spec.height, spec.width, 3]})

    def feed(image: npt.NDArray[np.uint8]) -> dict[str, Any]:
        return {"image": resize_to_network(image, spec)[None]}

    try:
        quantised = nncf.quantize(
            model,
            nncf.Dataset(list(images), feed),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(images),
            fast_bias_correction=True,
        )
    except RuntimeError as error:
        raise QuantisationError(
            f"NNCF fails on the graph: {' '.join(str(error).split())}"
        ) from error
    quantised.reshape({"image": [-1, -1, -1, 3]})
    path = folder / "int8.xml"
    openvino.save_model(quantised, path)
    return WeightsSource(path, "openvino", "int8", path.with_suffix(".bin"))
