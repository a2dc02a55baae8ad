# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""PyTorch backend: the network built by name and filled from the bundle's safetensors.

On a CUDA device in fp16, channels last, from the camera's pixels to the labels at the image's size
in one CUDA graph; on the CPU in fp32 or bf16.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seg3d2d_ros.backends import FORMATS_READ, BackendError
from seg3d2d_ros.backends.frame_program import FrameProgram
from seg3d2d_ros.bundle import BundleError, ModelBundle
from seg3d2d_ros.networks.folding import fold
from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from seg3d2d_ros.networks.registry import NetworkError, build_network, geometry
from seg3d2d_ros.networks.stored_weights import StoredWeightsError, fill_from_safetensors

_KEPT_SIZES = 4
"""Sizes of images whose buffers and CUDA graphs are kept, newest use last."""

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchBackend:
    """Runs the bundle's network with PyTorch."""

    name = "torch"

    def __init__(self, bundle: ModelBundle, *, device: str, precision: str, threads: int) -> None:
        self._device = _torch_device(device)
        self.device = str(self._device)
        on_cpu = self._device.type == "cpu"
        self.resizes = not on_cpu  # on the CPU, OpenCV does it faster
        self.precision = _taken_precision(precision, on_cpu)
        self._spec = bundle.input
        graph = filled_graph(bundle).compute_in(_DTYPES[self.precision]).eval()
        graph.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._graph = graph
        self._programs: OrderedDict[tuple[int, int, bool], FrameProgram] = OrderedDict()
        if on_cpu and threads:
            torch.set_num_threads(threads)  # of the whole process; PyTorch has no other

    def infer(
        self, image: npt.NDArray[np.uint8], *, with_confidence: bool
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8] | None]:
        """See :meth:`seg3d2d_ros.backends.Backend.infer`. The first image of a size prepares."""
        try:
            if self.resizes:
                height, width = image.shape[:2]
                return self._program(height, width, with_confidence)(image)
            return self._on_cpu(image, with_confidence)
        except RuntimeError as error:  # also what CUDA and its allocator raise
            reason = " ".join(str(error).split("\n")[0].split())
            raise BackendError(f"PyTorch failed: {reason}") from error

    def _on_cpu(
        self, image: npt.NDArray[np.uint8], with_confidence: bool
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8] | None]:
        with torch.inference_mode():
            logits = self._graph.logits(torch.from_numpy(image)[None])
            labels = self._graph.labels(logits)[0].numpy()
            if not with_confidence:
                return labels, None
            return labels, self._graph.confidence(logits)[0].numpy()

    def _program(self, height: int, width: int, with_confidence: bool) -> FrameProgram:
        key = (height, width, with_confidence)
        if key not in self._programs:
            if len(self._programs) >= _KEPT_SIZES:
                self._programs.popitem(last=False)
            self._programs[key] = FrameProgram(
                self._graph,
                self._spec,
                (height, width),
                device=self._device,
                with_confidence=with_confidence,
            )
        self._programs.move_to_end(key)
        return self._programs[key]


def cuda_available() -> bool:
    """Whether this PyTorch can use a CUDA device here."""
    return torch.cuda.is_available()


def _torch_device(device: str) -> torch.device:
    if device == "cpu" or (device == "auto" and not cuda_available()):
        return torch.device("cpu")
    if not cuda_available():
        raise BackendError(
            f"device {device} was asked for, but PyTorch {torch.__version__} finds none: install "
            "its CUDA build and check the driver with nvidia-smi, or choose device auto or cpu"
        )
    index = int(device.partition(":")[2] or 0)
    if index >= torch.cuda.device_count():
        raise BackendError(
            f"device cuda:{index} was asked for, but there are {torch.cuda.device_count()}; they "
            "are counted from 0"
        )
    return torch.device("cuda", index)


def _taken_precision(precision: str, on_cpu: bool) -> str:
    if precision == "auto":
        return "fp32" if on_cpu else "fp16"
    if precision == "int8":
        raise BackendError(
            "backend torch does not compute in int8; choose precision auto or backend openvino"
        )
    if precision == "fp16" and on_cpu:
        raise BackendError(
            "backend torch computes in fp16 on a CUDA device only; choose precision auto, fp32 or "
            "bf16, or a CUDA device"
        )
    if precision == "bf16" and on_cpu and torch.backends.cpu.get_cpu_capability() == "AVX2":
        raise BackendError("this CPU has no bf16 arithmetic; choose precision auto or fp32")
    return precision


def filled_graph(bundle: ModelBundle) -> ParsingGraph:
    """A bundle's network with its weights, norms of its branch folded, on the host, in fp32.

    Raises:
        BundleError: if the bundle has no weights for PyTorch, or they don't fit.
    """
    weights = bundle.find_weights(*FORMATS_READ["torch"])
    content = weights.read()
    try:
        network = build_network(
            str(bundle.network["name"]),
            bundle.network.get("config") or {},
            bundle.label_space.num_classes,
        )
        fill_from_safetensors(network, content)
    except StoredWeightsError as error:
        raise BundleError(f"{weights.path} holds {error}; export the model again") from error
    except (NetworkError, KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"the network of bundle {bundle.path} can't be built: {' '.join(str(error).split())}; "
            "install the release it was exported with, or export it again"
        ) from error
    stride, multiple = geometry(network)
    spec = bundle.input
    if stride != bundle.output_stride or spec.multiple % multiple:
        raise BundleError(
            f"bundle {bundle.path} states stride {bundle.output_stride} and sides that are "
            f"multiples of {spec.multiple}, its network has {stride} and {multiple}; export it "
            "again"
        )
    return ParsingGraph(fold(network.eval()), spec.mean, spec.std, bundle.temperature)
