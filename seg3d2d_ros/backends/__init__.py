# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Backends: what runs a bundle's network on a device.

Each module implements :class:`Backend`; its runtime is imported only when the backend is made.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.bundle import ModelBundle

FORMATS_READ = {
    "openvino": ("openvino", "onnx"),
    "onnxruntime": ("onnx",),
    "torch": ("safetensors",),
    "tensorrt": ("onnx",),
}
"""Formats of weights, by preference, of each backend."""

BACKENDS = tuple(FORMATS_READ)
"""By preference on a CPU."""

_CLASSES = {
    "openvino": "OpenVINOBackend",
    "onnxruntime": "ONNXRuntimeBackend",
    "torch": "TorchBackend",
    "tensorrt": "TensorRTBackend",
}

PRECISIONS = ("auto", "fp32", "fp16", "bf16", "int8")


class BackendError(Exception):
    """A backend can't be made or failed on an image; the message is one sentence."""


class Backend(Protocol):
    """Runs normalisation, network, upsampling and arg-max on its device. Not thread-safe."""

    name: str
    device: str
    """Where it runs: ``cpu`` or ``cuda:<index>``."""
    precision: str
    """Arithmetic of the network: ``fp32``, ``bf16`` ..."""
    resizes: bool
    """Whether :meth:`infer` takes images of any size and gives labels at that size."""

    def infer(
        self, image: npt.NDArray[np.uint8], *, with_confidence: bool
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8] | None]:
        """Labels of one image.

        Args:
            image: RGB, (H, W, 3), C-contiguous, H and W multiples of the bundle's; of a backend
                that `resizes` any size and strides.
            with_confidence: also compute the confidence, which costs time.

        Returns:
            Labels (H, W), and the confidence (H, W) from 0 to 255 or None.

        Raises:
            BackendError: if the runtime fails.
        """
        ...


def installed_backends() -> tuple[str, ...]:
    """Names of the backends whose runtime can be found, by preference.

    ``tensorrt`` is among them where its package and ONNX Runtime's are installed.
    """
    found = tuple(name for name in BACKENDS if importlib.util.find_spec(name) is not None)
    if "onnxruntime" not in found:
        found = tuple(name for name in found if name != "tensorrt")
    return found


def create_backend(
    bundle: ModelBundle, *, name: str, device: str, precision: str, threads: int
) -> Backend:
    """Make a backend for a bundle.

    Args:
        bundle: the model.
        name: ``openvino``, ``onnxruntime``, ``torch``, ``tensorrt``, or ``auto``: where a CUDA
            device was asked for or is there, the first of PyTorch and ONNX Runtime that can use it;
            else the first installed that can run the weights.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:<index>``.
        precision: ``auto`` (the runtime's choice for the device), ``fp32``, ``fp16`` on a CUDA
            device, ``bf16``, or ``int8`` where the bundle holds weights quantised to it.
        threads: CPU threads, 0 for the runtime's choice.

    Raises:
        BackendError: if a choice is unknown or can't be had here; the message names the remedy.
        BundleError: if the bundle has no weights for it.
    """
    _check_choices(name, device, precision, threads)
    if name == "auto":
        name = _choose(bundle, device, precision)
    elif name not in installed_backends():
        raise BackendError(
            f"backend '{name}' needs the Python package {name}, which is not installed: "
            f"pip install {name}, or choose one of {', '.join(installed_backends()) or 'none'}"
        )
    make = getattr(_module(name), _CLASSES[name])
    backend: Backend = make(bundle, device=device, precision=precision, threads=threads)
    return backend


def _module(name: str) -> Any:
    """The module of a backend, which imports its runtime."""
    try:
        return importlib.import_module(f"seg3d2d_ros.backends.{name}")
    except ImportError as error:  # installed, but for another NumPy, without a library ...
        reason = " ".join(str(error).split())
        raise BackendError(
            f"the Python package {name} is installed but can't be imported ({reason}); install it "
            "again, or choose another backend"
        ) from error


def _check_choices(name: str, device: str, precision: str, threads: int) -> None:
    if name not in ("auto", *BACKENDS):
        raise BackendError(f"unknown backend '{name}'; choose auto, {', '.join(BACKENDS)}")
    kind, _, index = device.partition(":")
    if device not in ("auto", "cpu", "cuda") and not (kind == "cuda" and index.isdecimal()):
        raise BackendError(f"unknown device '{device}'; choose auto, cpu, cuda or cuda:<index>")
    if precision not in PRECISIONS:
        raise BackendError(f"unknown precision '{precision}'; choose {', '.join(PRECISIONS)}")
    if threads < 0:
        raise BackendError(f"threads is {threads}; choose 0 (the runtime's choice) or more")


def _choose(bundle: ModelBundle, device: str, precision: str) -> str:
    # TensorRT takes minutes to build its engine, so it is taken only when it is asked for.
    installed = tuple(name for name in installed_backends() if name != "tensorrt")
    if not installed:
        raise BackendError(
            "no inference runtime is installed: pip install openvino (or onnxruntime)"
        )
    formats = {weights.format for weights in bundle.weights}
    fitting = [name for name in installed if formats.intersection(FORMATS_READ[name])]
    if precision == "int8" and "openvino" in fitting:
        return "openvino"
    if not fitting:
        raise BackendError(
            f"bundle {bundle.path} holds weights as {', '.join(sorted(formats))}, which "
            f"{' and '.join(installed)} can't run; install another runtime or export again"
        )
    if device == "cpu" or (device == "auto" and not _has_cuda_driver()):
        return fitting[0]
    on_cuda = [name for name in ("torch", "onnxruntime") if name in fitting]
    for name in on_cuda:
        if _module(name).cuda_available():
            return name
    # Asked for a device that none can use, the first of them says what it lacks.
    return on_cuda[-1] if on_cuda and device != "auto" else fitting[0]


def _has_cuda_driver() -> bool:
    """Whether to look for CUDA at all: importing PyTorch for it takes seconds and memory."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
