# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime backend: CPU, and CUDA where the installed runtime has the provider."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from seg3d2d_ros.backends import FORMATS_READ, BackendError
from seg3d2d_ros.bundle import BundleError, ModelBundle

_CUDA = "CUDAExecutionProvider"


def cuda_available() -> bool:
    """Whether this ONNX Runtime was built with CUDA (a device is looked for at construction)."""
    return _CUDA in onnxruntime.get_available_providers()


class ONNXRuntimeBackend:
    """Runs the bundle's ONNX graph with ONNX Runtime, fp32."""

    name = "onnxruntime"
    precision = "fp32"
    resizes = False

    def __init__(self, bundle: ModelBundle, *, device: str, precision: str, threads: int) -> None:
        if precision not in ("auto", "fp32"):
            raise BackendError(
                f"backend onnxruntime computes in fp32, not {precision}; choose precision auto or "
                "backend openvino"
            )
        weights = bundle.find_weights(*FORMATS_READ["onnxruntime"])
        try:
            self._session = onnxruntime.InferenceSession(
                weights.read(), session_options(threads), providers=_providers(device)
            )
        except BundleError:
            raise
        except Exception as error:  # ONNX Runtime's exceptions share no other base class
            raise BackendError(
                f"ONNX Runtime {onnxruntime.__version__} can't load {weights.path}: "
                f"{' '.join(str(error).split())}"
            ) from error
        check_interface(self._session, bundle, weights.path)
        self.device = self._taken_device(device)
        # without this the whole graph runs, also for outputs nobody fetches
        self._run_options = onnxruntime.RunOptions()
        self._run_options.only_execute_path_to_fetches = True

    def _taken_device(self, device: str) -> str:
        if _CUDA in self._session.get_providers():
            return f"cuda:{device.partition(':')[2] or 0}"
        if device.startswith("cuda"):
            raise BackendError(
                f"device {device} was asked for, but ONNX Runtime could not open it; check the "
                "driver with nvidia-smi, or choose device auto or cpu"
            )
        return "cpu"

    def infer(
        self, image: npt.NDArray[np.uint8], *, with_confidence: bool
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8] | None]:
        """See :meth:`seg3d2d_ros.backends.Backend.infer`."""
        names = ["labels", "confidence"] if with_confidence else ["labels"]
        try:
            outputs = self._session.run(names, {"image": image[None]}, self._run_options)
        except Exception as error:  # see __init__
            raise BackendError(f"ONNX Runtime failed: {' '.join(str(error).split())}") from error
        return outputs[0][0], outputs[1][0] if with_confidence else None


def _providers(device: str) -> list[Any]:
    cpu = "CPUExecutionProvider"
    if device == "cpu" or (device == "auto" and not cuda_available()):
        return [cpu]
    if not cuda_available():
        raise BackendError(
            f"device {device} was asked for, but the installed ONNX Runtime has no CUDA: "
            "pip install onnxruntime-gpu in place of onnxruntime, or choose device auto or cpu"
        )
    return [(_CUDA, {"device_id": int(device.partition(":")[2] or 0)}), cpu]


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Options of a session; 0 threads for the runtime's choice."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # idle threads that spin take the core from the process that decodes the camera's images
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def check_interface(session: Any, bundle: ModelBundle, path: Any) -> None:
    """Raise BundleError unless a session's graph has the inputs and outputs of this release."""
    label_type = "tensor(uint8)" if bundle.label_space.num_classes <= 255 else "tensor(int32)"
    inputs = {i.name: (i.type, len(i.shape)) for i in session.get_inputs()}
    outputs = {o.name: (o.type, len(o.shape)) for o in session.get_outputs()}
    expected = {"labels": (label_type, 3), "confidence": ("tensor(uint8)", 3)}
    if inputs != {"image": ("tensor(uint8)", 4)} or outputs != expected:
        raise BundleError(
            f"{path} is no graph of this release: it takes {inputs} and gives {outputs}, expected "
            f"an NHWC uint8 'image' and {expected}; export the model again"
        )
