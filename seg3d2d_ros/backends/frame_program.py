# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The whole way of one frame on a device: resize, network, arg-max, resize back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seg3d2d_ros.bundle import InputSpec
from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from seg3d2d_ros.resizing import nearest_pixels, network_size, resizing_weights

_WARM_UPS = 3
"""Runs before the capture, in which libraries choose algorithms and allocate."""


class FrameProgram:
    """Parses images of one size on a device.

    On a CUDA device everything between the two copies is captured as one CUDA graph: nothing in it
    waits for the host, and a frame costs one launch. The image goes up and the finished labels
    come down through page-locked memory. On any other device the same operations run one by one.

    Args:
        graph: on the device, in evaluation mode.
        spec: of the network's input.
        size: height and width of the images.
        device: where to run.
        with_confidence: also compute the confidence.

    Raises:
        RuntimeError: if the device refuses, for instance for lack of memory.
    """

    def __init__(
        self,
        graph: ParsingGraph,
        spec: InputSpec,
        size: tuple[int, int],
        *,
        device: torch.device,
        with_confidence: bool,
    ) -> None:
        self._graph = graph
        self._with_confidence = with_confidence
        height, width = size
        seen = network_size(spec, height, width)
        self._weights = (
            None
            if seen == size
            else [torch.from_numpy(w).to(device) for w in resizing_weights(size, seen)]
        )
        self._pixels = [
            torch.from_numpy(nearest_pixels(n, m)).to(device)
            for n, m in zip(seen, size, strict=True)
        ]
        locked = device.type == "cuda"
        self._sent = torch.zeros((height, width, 3), dtype=torch.uint8, pin_memory=locked)
        self._image = torch.zeros((height, width, 3), dtype=torch.uint8, device=device)
        with torch.inference_mode():
            self._run = self._captured(device) if locked else self._one_by_one
            example = self._run()
        self._received = [torch.empty(t.shape, dtype=t.dtype, pin_memory=locked) for t in example]

    def __call__(
        self, image: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8] | None]:
        """Labels (H, W), and the confidence (H, W) or None, of an RGB image (H, W, 3)."""
        np.copyto(self._sent.numpy(), image)
        with torch.inference_mode():
            self._image.copy_(self._sent, non_blocking=True)
            for received, computed in zip(self._received, self._run(), strict=True):
                received.copy_(computed, non_blocking=True)
        if self._image.is_cuda:
            torch.cuda.current_stream(self._image.device).synchronize()
        # The next frame writes to the same memory.
        results = [received.numpy().copy() for received in self._received]
        return results[0], results[1] if self._with_confidence else None

    def _captured(self, device: torch.device) -> Callable[[], tuple[Tensor, ...]]:
        """A function that replays the program and gives its outputs, which lie still."""
        aside = torch.cuda.Stream(device)
        aside.wait_stream(torch.cuda.current_stream(device))
        # Sizes stay the same, so it pays to let cuDNN time its algorithms in the warm-up.
        with torch.cuda.device(device), torch.backends.cudnn.flags(enabled=True, benchmark=True):
            with torch.cuda.stream(aside):
                for _ in range(_WARM_UPS):
                    self._one_by_one()
            torch.cuda.current_stream(device).wait_stream(aside)
            captured = torch.cuda.CUDAGraph()
            # Other threads (a model that is loaded beside this one) may use the device meanwhile.
            with torch.cuda.graph(captured, capture_error_mode="thread_local"):
                outputs = self._one_by_one()

        def replay() -> tuple[Tensor, ...]:
            captured.replay()
            return outputs

        return replay

    def _one_by_one(self) -> tuple[Tensor, ...]:
        logits = self._graph.logits(self._resized()[None])
        outputs = [self._graph.labels(logits)]
        if self._with_confidence:
            outputs.append(self._graph.confidence(logits))
        rows, columns = self._pixels
        return tuple(o[0].index_select(0, rows).index_select(1, columns) for o in outputs)

    def _resized(self) -> Tensor:
        """The image at the network's size, float32 [h, w, 3], whole numbers from 0 to 255."""
        image = self._image.to(torch.float32)
        if self._weights is None:
            return image
        rows, columns = self._weights
        height, width, channels = image.shape
        shrunk = (rows @ image.view(height, width * channels)).view(-1, width, channels)
        return torch.round(columns @ shrunk).clamp_(0, 255)
