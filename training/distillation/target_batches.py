# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training batches of images with something to learn from in each cell of the feature map."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.augmentation import augment_with_matrix
from training.data.augmentation_config import AugmentationConfig
from training.data.batches import TrainingBatches
from training.data.labelled_frames import JoinedFrames, LabelledFrame
from training.data.resizing import Affine, compose
from training.engine.settings import ExperimentError
from training.projection.feature_grid import FeatureGrid


class TargetBatches(TrainingBatches):
    """Augmented images and labels, and targets that follow the augmentation.

    Args:
        dataset: frames.
        grid: where the network's features lie in an image.
        settings: see :class:`training.data.batches.TrainingBatches`.

    Raises:
        ExperimentError: if the network's features do not fit a crop.
    """

    def __init__(self, dataset: JoinedFrames, grid: FeatureGrid, **settings: Any) -> None:
        super().__init__(dataset, **settings)
        self.grid = grid
        check_crops(grid, self.crop, *([self.early_crop] if self.early_steps else []))

    @abstractmethod
    def _targets(
        self, part: int, frame: LabelledFrame, crop: tuple[int, int], matrix: Affine
    ) -> tuple[npt.NDArray[Any], ...]:
        """Targets of a frame, each (..., h, w).

        Args:
            part: number of its data set.
            frame: of the data set.
            crop: height and width of the image that the network sees.
            matrix: (2, 3), of pixels of the frame's file to pixels of that image.
        """

    def sample(
        self, number: int, crop: tuple[int, int], config: AugmentationConfig
    ) -> tuple[npt.NDArray[Any], ...]:
        """Image uint8 (H, W, 3) in RGB, labels int64 (H, W), and the targets of one sample.

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
        which = next(k for k, each in enumerate(self.dataset.parts) if each is part)
        targets = self._targets(which, part.frames[position], crop, compose(warp, resizing))
        return image, labels.astype(np.int64), *targets


def check_crops(grid: FeatureGrid, *crops: tuple[int, int]) -> None:
    """Whether a network's features lie in images of these heights and widths as the grid says.

    Raises:
        ExperimentError: if not.
    """
    for crop in crops:
        try:
            grid.shape(*crop)
        except ValueError as error:
            raise ExperimentError(f"a training crop of {crop[0]} x {crop[1]}: {error}") from error
