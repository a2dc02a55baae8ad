# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training batches of images with the depth that was measured in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from training.data.labelled_frames import JoinedFrames, LabelledFrame
from training.data.resizing import Affine
from training.distillation.depth_targets import MeasuredDepth
from training.distillation.target_batches import TargetBatches
from training.projection.feature_grid import FeatureGrid


class DepthBatches(TargetBatches):
    """Augmented images, labels, and measured depth in the network's feature cells.

    The target is depth float32 (h, w), metres, 0 where nothing was measured, see
    :mod:`training.distillation.depth_targets`.

    Args:
        dataset: frames.
        depth: of the parts of `dataset`, in their order.
        grid: where the network's features lie in an image.
        canonical: whether depth is canonical; else as it was measured.
        settings: see :class:`training.data.batches.TrainingBatches`.

    Raises:
        ExperimentError: if a crop does not fit the grid.
    """

    def __init__(
        self,
        dataset: JoinedFrames,
        depth: Sequence[MeasuredDepth],
        grid: FeatureGrid,
        *,
        canonical: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(dataset, grid, **settings)
        self.depth = tuple(depth)
        self.canonical = canonical

    def _targets(
        self, part: int, frame: LabelledFrame, crop: tuple[int, int], matrix: Affine
    ) -> tuple[npt.NDArray[Any], ...]:
        measured = self.depth[part]
        return (measured.load(frame, *crop, self.grid, matrix, canonical=self.canonical),)
