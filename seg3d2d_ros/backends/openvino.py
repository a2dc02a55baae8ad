# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""OpenVINO backend: the CPU, compiled for each input size, in fp32, bf16 or int8."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino

from seg3d2d_ros.backends import FORMATS_READ, BackendError
from seg3d2d_ros.bundle import BundleError, ModelBundle

_COMPILED_SIZES = 4
"""Compiled networks kept, newest use last: cameras that change size change among few."""

_PRECISIONS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
"""Arithmetic of what is not quantised, by precision."""


class OpenVINOBackend:
    """Runs the bundle's OpenVINO IR, or else its ONNX graph, with OpenVINO on the CPU."""

    name = "openvino"
    device = "cpu"
    resizes = False

    def __init__(self, bundle: ModelBundle, *, device: str, precision: str, threads: int) -> None:
        if device not in ("auto", "cpu"):
            raise BackendError(
                f"backend openvino{' in int8' if precision == 'int8' else ''} runs on the CPU, not "
                f"on {device}; choose device auto or cpu"
                + (", or backend onnxruntime" if precision != "int8" else "")
            )
        weights = bundle.find_weights(*FORMATS_READ["openvino"], int8=precision == "int8")
        content = weights.read()
        binary = weights.binary.read() if weights.binary is not None else b""
        try:
            self._core = openvino.Core()
            self._config = _config(self._core, precision, threads)
            self._model = self._core.read_model(model=content, weights=binary)
        except RuntimeError as error:
            raise BackendError(
                f"OpenVINO {openvino.__version__} can't load {weights.path}: "
                f"{' '.join(str(error).split())}"
            ) from error
        _check_interface(self._model, bundle, weights.path)
        self._requests: OrderedDict[tuple[int, int, bool], Any] = OrderedDict()
        self.precision = precision
        spec = bundle.input
        self._request(spec.height, spec.width, with_confidence=False)

    def infer(
        self, image: npt.NDArray[np.uint8], *, with_confidence: bool
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8] | None]:
        """See :meth:`seg3d2d_ros.backends.Backend.infer`. The first image of a size compiles."""
        try:
            request = self._request(*image.shape[:2], with_confidence=with_confidence)
            request.infer({"image": image[None]}, share_inputs=True)
            labels = request.get_tensor("labels").data[0].copy()
            confidence = (
                request.get_tensor("confidence").data[0].copy() if with_confidence else None
            )
        except RuntimeError as error:
            raise BackendError(f"OpenVINO failed: {' '.join(str(error).split())}") from error
        return labels, confidence

    def _request(self, height: int, width: int, *, with_confidence: bool) -> Any:
        key = (height, width, with_confidence)
        if key in self._requests:
            self._requests.move_to_end(key)
            return self._requests[key]
        model = self._model.clone()
        if not with_confidence:  # an output nobody asks for would be computed all the same
            model = openvino.Model(
                [
                    result
                    for result in model.results
                    if "labels" in result.get_output_tensor(0).names
                ],
                model.get_parameters(),
                "labels",
            )
        model.reshape({"image": [1, height, width, 3]})
        compiled = self._core.compile_model(model, "CPU", self._config)
        taken = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        if self.precision != "int8":
            self.precision = {"f32": "fp32"}.get(taken, taken)
        self._requests[key] = compiled.create_infer_request()
        if len(self._requests) > _COMPILED_SIZES:
            self._requests.popitem(last=False)
        return self._requests[key]


def _config(core: Any, precision: str, threads: int) -> dict[str, Any]:
    config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if precision == "fp16":
        raise BackendError(
            "backend openvino does not compute in fp16 on a CPU; choose precision auto or fp32"
        )
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise BackendError("this CPU has no bf16 arithmetic; choose precision auto or fp32")
    if precision != "auto":
        config["INFERENCE_PRECISION_HINT"] = _PRECISIONS[precision]
    if threads:
        config["INFERENCE_NUM_THREADS"] = threads
        # Few threads would be bound to the first cores, those of every network to the same.
        config["ENABLE_CPU_PINNING"] = False
    return config


def _check_interface(model: Any, bundle: ModelBundle, path: Any) -> None:
    label_type = "u8" if bundle.label_space.num_classes <= 255 else "i32"
    inputs = {
        i.any_name: (i.element_type.get_type_name(), len(i.partial_shape)) for i in model.inputs
    }
    outputs = {
        o.any_name: (o.element_type.get_type_name(), len(o.partial_shape)) for o in model.outputs
    }
    expected = {"labels": (label_type, 3), "confidence": ("u8", 3)}
    if inputs != {"image": ("u8", 4)} or outputs != expected:
        raise BundleError(
            f"{path} is no graph of this release: it takes {inputs} and gives {outputs}, expected "
            f"an NHWC uint8 'image' and {expected}; export the model again"
        )
