# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training batches of images with the features of the points that they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.augmentation import AugmentationConfig, augment_with_matrix
from training.data.batches import TrainingBatches
from training.data.labelled_frames import JoinedFrames
from training.data.resizing import compose
from training.distillation.projected_features import ProjectedFeatures
from training.projection.feature_grid import FeatureGrid


class PairedBatches(TrainingBatches):
    """Augmented images, labels, and what a 3D network says of the visible points.

    The points follow the augmentation: they are put into the cells of the network's feature map
    after it, by their exact places.

    Args:
        dataset: frames.
        features: of the parts of `dataset`, in their order; None for a part without.
        grid: where the network's features lie in an image.
        settings: see :class:`training.data.batches.TrainingBatches`.

    Raises:
        ValueError: if there are not as many `features` as parts, or none at all.
    """

    def __init__(
        self,
        dataset: JoinedFrames,
        features: Sequence[ProjectedFeatures | None],
        grid: FeatureGrid,
        **settings: Any,
    ) -> None:
        super().__init__(dataset, **settings)
        if len(features) != len(dataset.parts):
            raise ValueError(f"{len(features)} features of {len(dataset.parts)} data sets")
        widths = {each.features.width for each in features if each is not None}
        if len(widths) != 1:
            raise ValueError(
                f"features are of {sorted(widths)} channels, they must be of one width"
            )
        self.features, self.grid = tuple(features), grid
        (self.width,) = widths

    def sample(
        self, number: int, crop: tuple[int, int], config: AugmentationConfig
    ) -> tuple[npt.NDArray[Any], ...]:
        """One sample of the run.

        Returns:
            Image uint8 (H, W, 3) in RGB; labels int64 (H, W); features float16 (C, h, w), 0 where
            no point lies; bool (h, w), the cells where one does.

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
        features = self.features[self.dataset.parts.index(part)]
        if features is None:
            rows, columns = self.grid.shape(*crop)
            values = np.zeros((self.width, rows, columns), np.float16)
            covered = np.zeros((rows, columns), bool)
        else:
            frame, matrix = part.frames[position], compose(warp, resizing)
            values, covered = features.load(frame, *crop, self.grid, matrix)
        return image, labels.astype(np.int64), values, covered
