# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Backends: what runs a bundle's network on a device.

Each module implements :class:`Backend`; its runtime is imported only when the backend is made.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.bundle import ModelBundle

BACKENDS = ("openvino", "onnxruntime")
"""By preference on a CPU."""

PRECISIONS = ("auto", "fp32", "bf16")


class BackendError(Exception):
    """A backend can't be made or failed on an image; the message is one sentence."""


class Backend(Protocol):
    """Runs normalisation, network, upsampling and arg-max on its device. Not thread-safe."""

    name: str
    device: str
    """Where it runs: ``cpu`` or ``cuda:<index>``."""
    precision: str
    """Arithmetic of the network: ``fp32``, ``bf16`` ..."""

    def infer(
        self, image: npt.NDArray[np.uint8], *, with_confidence: bool
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8] | None]:
        """Labels of one image.

        Args:
            image: RGB, (H, W, 3), C-contiguous, H and W multiples of the bundle's.
            with_confidence: also compute the confidence, which costs time.

        Returns:
            Labels (H, W), and the confidence (H, W) from 0 to 255 or None.

        Raises:
            BackendError: if the runtime fails.
        """
        ...


def installed_backends() -> tuple[str, ...]:
    """Names of the backends whose runtime can be found, by preference."""
    return tuple(name for name in BACKENDS if importlib.util.find_spec(name) is not None)


def create_backend(
    bundle: ModelBundle, *, name: str, device: str, precision: str, threads: int
) -> Backend:
    """Make a backend for a bundle.

    Args:
        bundle: the model.
        name: ``openvino``, ``onnxruntime``, or ``auto``: ONNX Runtime where a CUDA device was asked
            for or is there with its provider, else the first installed.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:<index>``.
        precision: ``auto`` (the runtime's choice for the device), ``fp32`` or ``bf16``.
        threads: CPU threads, 0 for the runtime's choice.

    Raises:
        BackendError: if a choice is unknown or can't be had here; the message names the remedy.
        BundleError: if the bundle has no weights for it.
    """
    _check_choices(name, device, precision, threads)
    if name == "auto":
        name = _choose(device)
    elif name not in installed_backends():
        raise BackendError(
            f"backend '{name}' needs the Python package {name}, which is not installed: "
            f"pip install {name}, or choose one of {', '.join(installed_backends()) or 'none'}"
        )
    if name == "openvino":
        from seg3d2d_ros.backends.openvino import OpenVINOBackend

        return OpenVINOBackend(bundle, device=device, precision=precision, threads=threads)
    from seg3d2d_ros.backends.onnxruntime import ONNXRuntimeBackend

    return ONNXRuntimeBackend(bundle, device=device, precision=precision, threads=threads)


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


def _choose(device: str) -> str:
    installed = installed_backends()
    if not installed:
        raise BackendError(
            "no inference runtime is installed: pip install openvino (or onnxruntime)"
        )
    if "onnxruntime" in installed and device != "cpu":
        from seg3d2d_ros.backends.onnxruntime import cuda_available

        if device.startswith("cuda") or cuda_available():
            return "onnxruntime"
    return installed[0]
