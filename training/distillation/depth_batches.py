# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training batches of images with the depth that was measured in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.augmentation import AugmentationConfig, augment_with_matrix
from training.data.batches import TrainingBatches
from training.data.labelled_frames import JoinedFrames
from training.data.resizing import compose
from training.distillation.depth_targets import MeasuredDepth
from training.projection.feature_grid import FeatureGrid


class DepthBatches(TrainingBatches):
    """Augmented images, labels, and measured depth in the network's feature cells.

    Args:
        dataset: frames.
        depth: of the parts of `dataset`, in their order.
        grid: where the network's features lie in an image.
        settings: see :class:`training.data.batches.TrainingBatches`.
    """

    def __init__(
        self,
        dataset: JoinedFrames,
        depth: Sequence[MeasuredDepth],
        grid: FeatureGrid,
        **settings: Any,
    ) -> None:
        super().__init__(dataset, **settings)
        self.depth, self.grid = tuple(depth), grid

    def sample(
        self, number: int, crop: tuple[int, int], config: AugmentationConfig
    ) -> tuple[npt.NDArray[Any], ...]:
        """One sample of the run.

        Returns:
            Image uint8 (H, W, 3) in RGB; labels int64 (H, W); canonical depth float32 (h, w),
            metres, 0 where nothing was measured, see :mod:`training.distillation.depth_targets`.

        Raises:
            DatasetError: if a file can't be used.
        """
        part, position = self.dataset.place(self._frame_index(number))
        image, labels, resizing = part.load_with_matrix(position)
        image, labels, warp = augment_with_matrix(
            image,
            labels,
            crop,
            config=config,
            rng=self._chance(number),
            unlabeled=self.unlabeled,
        )
        measured = self.depth[self.dataset.parts.index(part)]
        frame, matrix = part.frames[position], compose(warp, resizing)
        depth = measured.load(frame, *crop, self.grid, matrix)
        return image, labels.astype(np.int64), depth
