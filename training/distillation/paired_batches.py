# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training batches of images with the features of the points that they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.labelled_frames import JoinedFrames, LabelledFrame
from training.data.resizing import Affine
from training.distillation.projected_features import ProjectedFeatures
from training.distillation.target_batches import TargetBatches
from training.engine.settings import ExperimentError
from training.projection.feature_grid import FeatureGrid


class PairedBatches(TargetBatches):
    """Augmented images, labels, and what a 3D network says of the visible points.

    The points follow the augmentation: they are put into the cells of the network's feature map
    after it, by their exact places. Targets are features float16 (C, h, w), 0 where no point lies,
    and bool (h, w), the cells where one does.

    Args:
        dataset: frames.
        features: of the parts of `dataset`, in their order; None for a part without.
        grid: where the network's features lie in an image.
        settings: see :class:`training.data.batches.TrainingBatches`.

    Raises:
        ExperimentError: if features are of different widths, or a crop does not fit the grid.
    """

    def __init__(
        self,
        dataset: JoinedFrames,
        features: Sequence[ProjectedFeatures | None],
        grid: FeatureGrid,
        **settings: Any,
    ) -> None:
        super().__init__(dataset, grid, **settings)
        widths = {each.features.width for each in features if each is not None}
        if len(widths) != 1:
            raise ExperimentError(
                f"distillation.features are of {sorted(widths)} channels; make them with one 3D "
                "network"
            )
        self.features = tuple(features)
        (self.width,) = widths

    @property
    def frames_left_out(self) -> int:
        """Frames of scenes whose features hold NaN or inf, as far as this process has met them."""
        return sum(each.frames_left_out for each in self.features if each is not None)

    def _targets(
        self, part: int, frame: LabelledFrame, crop: tuple[int, int], matrix: Affine
    ) -> tuple[npt.NDArray[Any], ...]:
        features = self.features[part]
        if features is not None:
            return features.load(frame, *crop, self.grid, matrix)
        shape = self.grid.shape(*crop)
        return np.zeros((self.width, *shape), np.float16), np.zeros(shape, bool)
