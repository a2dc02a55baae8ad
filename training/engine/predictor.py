# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Predictions of a network in PyTorch, by the same size rule as the robot's parser."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seg3d2d_ros.bundle import InputSpec
from seg3d2d_ros.networks.parsing_graph import ParsingGraph
from seg3d2d_ros.resizing import resize_nearest, resize_to_network


class NetworkPredictor:
    """Parses images with a :class:`ParsingGraph`, which it puts into evaluation mode.

    Args:
        graph: the network with its normalisation.
        spec: network size.
        device: where to run.
    """

    def __init__(self, graph: ParsingGraph, spec: InputSpec, device: str = "cpu") -> None:
        self.graph = graph.to(device).eval()
        self.spec = spec
        self.device = device

    def _batch(self, image: npt.NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(resize_to_network(image, self.spec))[None].to(self.device)

    @torch.inference_mode()
    def logits(self, image: npt.NDArray[np.uint8]) -> Tensor:
        """Logits [classes, h, w] at the network's output stride, on the host."""
        return self.graph.logits(self._batch(image))[0].float().cpu()

    @torch.inference_mode()
    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Labels (H, W) uint8 at the image's own size."""
        labels = self.graph(self._batch(image))[0][0].cpu().numpy()
        return resize_nearest(labels, *image.shape[:2])
