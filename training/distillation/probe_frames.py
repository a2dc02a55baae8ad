# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Images of one size with measured depth, in memory, for the depth probe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from seg3d2d_ros.networks.registry import aligns_corners, geometry
from training.data.labelled_frames import DatasetError, LabelledFrames
from training.data.resizing import compose, resize_matrix
from training.distillation.depth_targets import MeasuredDepth
from training.projection.feature_grid import FeatureGrid

STRIDE = 4
"""Pixels of the image for a cell of the depth maps, for all layers."""


@dataclass(frozen=True, eq=False)
class ProbeFrames:
    """Frames that have depth.

    Attributes:
        images: uint8 [N, H, W, 3], RGB.
        depth: float32 [N, h, w], metres, 0 where nothing was measured; cells lie four pixels apart.
        names: scene/frame.
    """

    images: Tensor
    depth: Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the depth maps."""
        return self.depth.shape[1], self.depth.shape[2]


def probe_size(network: nn.Module, height: int, width: int) -> tuple[int, int]:
    """The next larger sides that a network takes with its features and the cells on one lattice.

    Multiples of the network's; where it aligns corners, one pixel more.
    """
    multiple, more = geometry(network)[1], int(aligns_corners(network))
    rows, columns = (-(-(side - more) // multiple) * multiple + more for side in (height, width))
    return max(rows, multiple + more), max(columns, multiple + more)


def probe_grid(network: nn.Module) -> FeatureGrid:
    """Where the depth maps' cells lie."""
    if aligns_corners(network):
        return FeatureGrid.aligned_corners(STRIDE)
    return FeatureGrid.from_edges(STRIDE)


def read_probe_frames(
    frames: LabelledFrames,
    depth: MeasuredDepth,
    network: nn.Module,
    size: tuple[int, int],
    count: int,
    frame_done: Callable[[], None] | None = None,
) -> ProbeFrames:
    """At most `count` frames of a split, evenly spread, without those that have no depth.

    Images are resized to the whole of `size`; depths stay as they are measured, in metres, as no
    image is enlarged more than another of its camera.

    Args:
        frames: of the split.
        depth: of the same data set.
        network: whose lattice the depth maps are on.
        size: of :func:`probe_size`.
        count: at most so many.
        frame_done: called after each frame.

    Raises:
        DatasetError: if none of them has depth, or an image can't be read.
    """
    grid = probe_grid(network)
    images, depths, names = [], [], []
    for index in np.linspace(0, len(frames) - 1, min(count, len(frames))).astype(int).tolist():
        image, _, matrix = frames.load_with_matrix(index)
        matrix = compose(resize_matrix(image.shape[:2], size), matrix)
        frame = frames.frames[index]
        measured = depth.load(frame, *size, grid, matrix, canonical=False)
        if frame_done is not None:
            frame_done()
        if not measured.any():
            continue
        if image.shape[:2] != size:
            shrinks = size[0] <= image.shape[0] and size[1] <= image.shape[1]
            way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            image = cv2.resize(image, size[::-1], interpolation=way)
        images.append(torch.from_numpy(np.ascontiguousarray(image)))
        depths.append(torch.from_numpy(measured))
        names.append(f"{frame.scene}/{frame.name}")
    if not names:
        raise DatasetError(
            f"none of the frames of the split '{frames.split}' that were looked at has depth"
        )
    return ProbeFrames(torch.stack(images), torch.stack(depths), tuple(names))
