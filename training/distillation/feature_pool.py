# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Real 3D features by class, from scenes that need not be those of the images.

What the discriminators of :mod:`training.distillation.semantic_aware_adversarial_loss` learn real
features from: f3D_j of Eq. 3, the class of each being that of its point.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.counted import counted
from training.data.labelled_frames import DatasetError
from training.points.cloud import CloudError
from training.points.features.array_file import PointFeaturesError
from training.points.features.features_folder import PointFeatures
from training.points.scenes import LabelledScenes
from training.projection.scene_file import points_sha256

logger = logging.getLogger(__name__)

_RESERVOIR, _DRAW = 0, 1
"""Kinds of random numbers that a seed is for."""


class FeaturePool:
    """A bounded number of 3D features of each class, drawn evenly from all points of all scenes.

    Each point gets a random number, and each class keeps the points with the smallest ones: a
    sample without replacement of which any part of the scenes may be seen first. What is held
    depends on the scenes and the seed alone, and what is drawn on the seed and the step, so that a
    run that goes on from a checkpoint draws what it would have drawn.

    A scene that can't be used is left out, with a sentence in `defects` and the log.

    Args:
        features: of the scenes' points.
        scenes: with their labels; each is loaded once, so its `memory` may be 0.
        num_classes: of the labels.
        width: of the branch that is to simulate the features.
        per_class: most vectors that are held of a class, ``2 * width`` bytes each.
        most_scenes: evenly spaced ones are read where there are more; None for all.
        seed: for what is held and drawn.

    Attributes:
        width: C, channels.
        num_classes: N.
        seen: int64 [N], points that the scenes have by class.
        defects: a sentence for each scene that was left out.

    Raises:
        PointFeaturesError: if the features are of another width, or no point of any scene has
            features and a class; the message has the first defect.
        ValueError: if `per_class` or `most_scenes` is below 1.
    """

    def __init__(
        self,
        features: PointFeatures,
        scenes: LabelledScenes,
        num_classes: int,
        *,
        width: int,
        per_class: int = 16384,
        most_scenes: int | None = None,
        seed: int = 0,
    ) -> None:
        if per_class < 1 or (most_scenes is not None and most_scenes < 1):
            raise ValueError(
                f"per_class is {per_class} and most_scenes {most_scenes}, they must be above 0"
            )
        if features.width != width:
            raise PointFeaturesError(
                f"the features in {features.folder} have {features.width} channels and the branch "
                f"simulates {width}: set its feature_width to {features.width}, or take other "
                "features"
            )
        self.width, self.num_classes = width, num_classes
        self.seen = np.zeros(num_classes, np.int64)
        self.defects: list[str] = []
        self._features, self._per_class, self._seed = features, per_class, seed
        self._keys = [np.empty(0) for _ in range(num_classes)]
        self._held = [np.empty((0, width), np.float16) for _ in range(num_classes)]
        every = -(-len(scenes) // (most_scenes or len(scenes)))
        chosen = range(0, len(scenes), every)
        for index in chosen:
            try:
                self._take(scenes, index)
            except (DatasetError, CloudError) as error:
                self.defects.append(str(error))
                logger.warning("left out of the pool of 3D features: %s", error)
        if not self.seen.any():
            reason = f"the first: {self.defects[0]}" if self.defects else "no point has a class"
            raise PointFeaturesError(
                f"{counted(len(chosen), 'scene')} of {scenes.folder} give no 3D features of any "
                f"class, {reason}"
            )

    @property
    def classes_without_points(self) -> list[int]:
        """Classes of which no scene has a point: discriminators can't learn them."""
        found: list[int] = np.flatnonzero(self.seen == 0).tolist()
        return found

    def held(self, class_id: int) -> int:
        """Number of vectors that are held of a class."""
        return len(self._held[class_id])

    def draw(
        self, step: int, classes: Sequence[int], count: int | Sequence[int], rank: int = 0
    ) -> tuple[Tensor, Tensor]:
        """Vectors of some classes, with replacement.

        A class's are the same whichever others are asked for. Of a class without points, and of ids
        that are no class, there are none.

        Args:
            step: of the training run.
            classes: different ids, such as those in the step's labels.
            count: vectors of each class; one number for all, or one for each.
            rank: of the process, as each draws its own.

        Returns:
            float32 [R, C] and their classes, int64 [R], in the order of `classes`.
        """
        counts = np.broadcast_to(np.asarray(count), (len(classes),))
        parts, ids = [np.empty((0, self.width), np.float16)], [np.empty(0, np.int64)]
        for class_id, wanted in zip(classes, counts.tolist(), strict=True):
            if not (0 <= class_id < self.num_classes and len(self._held[class_id])):
                continue
            rng = np.random.default_rng([self._seed, _DRAW, rank, step, class_id])
            parts.append(self._held[class_id][rng.integers(0, self.held(class_id), wanted)])
            ids.append(np.full(wanted, class_id, np.int64))
        vectors = np.concatenate(parts).astype(np.float32)
        return torch.from_numpy(vectors), torch.from_numpy(np.concatenate(ids))

    def _take(self, scenes: LabelledScenes, index: int) -> None:
        """Let a scene's points compete for their classes' places."""
        cloud, scene = scenes.load(index), scenes.rows[index].scene
        features = self._features.load_by_points(scene, len(cloud), points_sha256(cloud.points))
        keys = np.random.default_rng([self._seed, _RESERVOIR, index]).random(len(cloud))
        rows_by_class: dict[int, npt.NDArray[np.int64]] = {}
        for class_id in range(self.num_classes):
            rows = np.flatnonzero(cloud.labels == class_id)
            if len(self._keys[class_id]) == self._per_class:
                rows = rows[keys[rows] < self._keys[class_id][-1]]
            rows_by_class[class_id] = np.sort(rows[np.argsort(keys[rows])[: self._per_class]])
        # all are read before any is taken, so that of a scene with defects nothing stays
        vectors = {
            class_id: self._read(features, rows, scene) for class_id, rows in rows_by_class.items()
        }
        for class_id, rows in rows_by_class.items():
            if not len(rows):
                continue
            joined = np.concatenate([self._keys[class_id], keys[rows]])
            smallest = np.argsort(joined)[: self._per_class]
            self._keys[class_id] = joined[smallest]
            together = np.concatenate([self._held[class_id], vectors[class_id]])
            self._held[class_id] = together[smallest]
        labelled = cloud.labels[(cloud.labels >= 0) & (cloud.labels < self.num_classes)]
        self.seen += np.bincount(labelled, minlength=self.num_classes)

    def _read(
        self, features: npt.NDArray[np.float16], rows: npt.NDArray[np.int64], scene: str
    ) -> npt.NDArray[np.float16]:
        vectors: npt.NDArray[np.float16] = features[rows]
        finite = np.isfinite(vectors).all(1)
        if not finite.all():
            raise PointFeaturesError(
                f"{self._features.path(scene)}: the features of point {rows[np.argmin(finite)]} "
                "hold NaN or inf; make them anew with a teacher whose weights are finite"
            )
        return vectors
