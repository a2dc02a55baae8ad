# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""TensorRT backend: the ONNX graph through ONNX Runtime's TensorRT provider, fp16 or fp32.

An engine is built for each size of image that the network sees, which takes minutes the first
time; it is kept in :func:`seg3d2d_ros.engine_cache.engine_folder`.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from seg3d2d_ros.backends import FORMATS_READ, BackendError
from seg3d2d_ros.backends.onnxruntime import check_interface, session_options
from seg3d2d_ros.bundle import ModelBundle
from seg3d2d_ros.engine_cache import cuda_device_name, engine_folder

_TENSORRT = "TensorrtExecutionProvider"
_KEPT_SIZES = 4


class TensorRTBackend:
    """Runs the bundle's ONNX graph with TensorRT on a CUDA device."""

    name = "tensorrt"
    resizes = False

    def __init__(self, bundle: ModelBundle, *, device: str, precision: str, threads: int) -> None:
        if device == "cpu":
            raise BackendError("backend tensorrt runs on CUDA devices only; choose another backend")
        if precision not in ("auto", "fp16", "fp32"):
            raise BackendError(
                f"backend tensorrt computes in fp16 or fp32, not {precision}; choose one of them"
            )
        if _TENSORRT not in onnxruntime.get_available_providers():
            raise BackendError(
                f"ONNX Runtime {onnxruntime.__version__} has no TensorRT here: pip install "
                "onnxruntime-gpu and tensorrt, or choose backend torch or onnxruntime"
            )
        index = int(device.partition(":")[2] or 0)
        self.device = f"cuda:{index}"
        self.precision = "fp32" if precision == "fp32" else "fp16"
        weights = bundle.find_weights(*FORMATS_READ["tensorrt"])
        self._path = weights.path
        self._content = weights.read()
        self._bundle = bundle
        self._threads = threads
        folder = engine_folder(
            bundle,
            runtime=f"onnxruntime-{onnxruntime.__version__}",
            device=cuda_device_name(index),
            precision=self.precision,
        )
        settings: dict[str, Any] = {
            "device_id": index,
            "trt_fp16_enable": self.precision == "fp16",
            "trt_engine_cache_enable": True,
            "trt_engine_cache_path": str(folder),
            "trt_timing_cache_enable": True,
            "trt_timing_cache_path": str(folder),
        }
        # What TensorRT does not take, such as casts of pixels, stays on the device with CUDA.
        self._providers: list[Any] = [
            (_TENSORRT, settings),
            ("CUDAExecutionProvider", {"device_id": index}),
            "CPUExecutionProvider",
        ]
        self._run_options = onnxruntime.RunOptions()
        self._run_options.only_execute_path_to_fetches = True
        self._sessions: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._session(bundle.input.height, bundle.input.width)

    def infer(
        self, image: npt.NDArray[np.uint8], *, with_confidence: bool
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8] | None]:
        """See :meth:`seg3d2d_ros.backends.Backend.infer`. The first image of a size builds."""
        names = ["labels", "confidence"] if with_confidence else ["labels"]
        session = self._session(*image.shape[:2])
        try:
            outputs = session.run(names, {"image": image[None]}, self._run_options)
        except Exception as error:  # ONNX Runtime's exceptions share no other base class
            raise BackendError(f"TensorRT failed: {' '.join(str(error).split())}") from error
        return outputs[0][0], outputs[1][0] if with_confidence else None

    def _session(self, height: int, width: int) -> Any:
        key = (height, width)
        if key in self._sessions:
            self._sessions.move_to_end(key)
            return self._sessions[key]
        options = session_options(self._threads)
        for name, size in (("N", 1), ("H", height), ("W", width)):
            options.add_free_dimension_override_by_name(name, size)
        try:
            session = onnxruntime.InferenceSession(
                self._content, options, providers=self._providers
            )
        except Exception as error:  # as above
            raise BackendError(
                f"ONNX Runtime {onnxruntime.__version__} can't load {self._path} with TensorRT: "
                f"{' '.join(str(error).split())}"
            ) from error
        if _TENSORRT not in session.get_providers():
            raise BackendError(
                "ONNX Runtime could not open TensorRT; check that its libraries (libnvinfer) fit "
                "this ONNX Runtime, or choose backend torch or onnxruntime"
            )
        check_interface(session, self._bundle, self._path)
        self._sessions[key] = session
        if len(self._sessions) > _KEPT_SIZES:
            self._sessions.popitem(last=False)
        return session
