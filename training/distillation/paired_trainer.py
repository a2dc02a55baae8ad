# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training runs on images with the features of the points that they show."""

from __future__ import annotations

import logging

from training.data.batches import TrainingBatches
from training.distillation.distillation_data import feature_grid, open_projected_features
from training.distillation.paired_batches import PairedBatches
from training.engine.settings import ExperimentError
from training.engine.trainer import Trainer

logger = logging.getLogger(__name__)


class PairedTrainer(Trainer):
    """One run whose batches have 3D features where the experiment names any.

    Raises:
        ExperimentError: if no frame has features, or the crop doesn't fit the feature map.
        DatasetError: if features or visible points can't be used.
    """

    def _new_batches(self) -> TrainingBatches:
        if not self.experiment.distillation.paired:
            return super()._new_batches()
        features = open_projected_features(self.experiment)
        grid = feature_grid(self.graph.network)
        pairings = [
            each.pairing(part)
            for each, part in zip(features, self.train_frames.parts, strict=True)
            if each is not None
        ]
        said = "; ".join(pairing.text() for pairing in pairings)
        if not any(pairing.paired for pairing in pairings):
            raise ExperimentError(
                f"no training frame has features of a 3D network: {said}; name others in "
                "distillation.features, or make them for these scenes"
            )
        logger.info("%s", said)
        return PairedBatches(self.train_frames, features, grid, **self._batch_settings())

    def _watched(self) -> dict[str, float]:
        if not isinstance(self.batches, PairedBatches):
            return {}
        frames = self.workers.agree(float(self.batches.frames_left_out))
        return {"distillation/frames_left_out": frames}
