# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What a pool of 3D features is made from, and how: an even sample of all points of all scenes."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.counted import counted
from training.data.labelled_frames import DatasetError
from training.distillation.feature_pool import FeaturePool
from training.points.cloud import CloudError
from training.points.features.array_file import PointFeaturesError
from training.points.features.features_folder import PointFeatures
from training.points.features.finite_features import check_finite
from training.points.scenes import LabelledScenes
from training.projection.scene_file import points_sha256

logger = logging.getLogger(__name__)

_SAMPLING = 1
"""Counted up when the same scenes give another pool than before."""
_RESERVOIR = 0
"""Which random numbers a seed is for; :class:`FeaturePool` has others."""


@dataclass(frozen=True, eq=False)
class PoolSource:
    """Scenes with features and labels, and how many features are to be held.

    Attributes:
        features: of the scenes' points.
        scenes: with their labels; each is loaded once, so its `memory` may be 0.
        num_classes: of the labels.
        width: of the branch that is to simulate the features.
        per_class: most vectors that are held of a class, ``2 * width`` bytes each.
        most_scenes: evenly spaced ones are read where there are more; 0 for all.
        seed: for what is held and drawn.

    Raises:
        PointFeaturesError: if the features are of another width.
        ValueError: if `per_class` is below 1 or `most_scenes` below 0.
    """

    features: PointFeatures
    scenes: LabelledScenes
    num_classes: int
    width: int
    per_class: int
    most_scenes: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.per_class < 1 or self.most_scenes < 0:
            raise ValueError(
                f"per_class is {self.per_class} and must be above 0, most_scenes is "
                f"{self.most_scenes} and must be at least 0"
            )
        there = self.features.width
        if there != self.width:
            raise PointFeaturesError(
                f"the features in {self.features.folder} have {there} channels and the branch "
                f"simulates {self.width}: set its feature_width to {there}, or take other features"
            )

    @property
    def chosen(self) -> list[int]:
        """Which of the scenes are read."""
        there = len(self.scenes)
        most = min(self.most_scenes or there, there)
        chosen: list[int] = np.linspace(0, there - 1, most).astype(int).tolist()
        return chosen

    def fingerprint(self) -> str:
        """SHA-256 of all that the pool depends on; neither scans nor arrays are opened."""
        names = [self.scenes.rows[index].scene for index in self.chosen]
        premises = [
            *(_SAMPLING, self.num_classes, self.width, self.per_class, self.seed, self.chosen),
            *(self.features.fingerprint(names), self.scenes.fingerprint(self.chosen)),
        ]
        return hashlib.sha256(json.dumps(premises).encode()).hexdigest()

    def read(self, scene_done: Callable[[], None] | None = None) -> FeaturePool:
        """Read the scenes.

        Each point gets a random number, and each class keeps the points with the smallest ones: a
        sample without replacement of which any part of the scenes may be seen first. What is held
        depends on the scenes and the seed alone.

        A scene that can't be used is left out, with a sentence in the pool's `defects` and the log,
        and so is one of whose features any is NaN or inf, whether it would be held or not.

        Args:
            scene_done: called after each scene.

        Raises:
            PointFeaturesError: if no point of any scene has features and a class; the message has
                the first defect.
        """
        reservoirs = _Reservoirs(self)
        defects: list[str] = []
        for index in self.chosen:
            try:
                reservoirs.take(index)
            except (DatasetError, CloudError) as error:
                defects.append(str(error))
                logger.warning("left out of the pool of 3D features: %s", error)
            if scene_done is not None:
                scene_done()
        if not reservoirs.seen.any():
            reason = f"the first: {defects[0]}" if defects else "no point has a class"
            raise PointFeaturesError(
                f"{counted(len(self.chosen), 'scene')} of {self.scenes.folder} give no 3D features "
                f"of any class, {reason}"
            )
        return FeaturePool(reservoirs.held, reservoirs.seen, seed=self.seed, defects=defects)


class _Reservoirs:
    """The features that each class holds so far, with the random numbers that they won by."""

    def __init__(self, source: PoolSource) -> None:
        self._source = source
        self.seen = np.zeros(source.num_classes, np.int64)
        self._keys = [np.empty(0) for _ in range(source.num_classes)]
        self.held = [np.empty((0, source.width), np.float16) for _ in range(source.num_classes)]

    def take(self, index: int) -> None:
        """Let a scene's points compete for their classes' places; all or, with defects, none."""
        source = self._source
        cloud, scene = source.scenes.load(index), source.scenes.rows[index].scene
        features = source.features.load_by_points(scene, len(cloud), points_sha256(cloud.points))
        check_finite(features, str(source.features.path(scene)))
        keys = np.random.default_rng([source.seed, _RESERVOIR, index]).random(len(cloud))
        for class_id in range(source.num_classes):
            rows = np.flatnonzero(cloud.labels == class_id)
            if len(rows):
                self._compete(class_id, features, rows, keys)
        labelled = cloud.labels[(cloud.labels >= 0) & (cloud.labels < source.num_classes)]
        self.seen += np.bincount(labelled, minlength=source.num_classes)

    def _compete(
        self,
        class_id: int,
        features: npt.NDArray[np.float16],
        rows: npt.NDArray[np.int64],
        keys: npt.NDArray[np.float64],
    ) -> None:
        most = self._source.per_class
        if len(self._keys[class_id]) == most:
            rows = rows[keys[rows] < self._keys[class_id][-1]]
        rows = np.sort(rows[np.argsort(keys[rows])[:most]])  # in the order of the file
        joined = np.concatenate([self._keys[class_id], keys[rows]])
        smallest = np.argsort(joined)[:most]
        self._keys[class_id] = joined[smallest]
        self.held[class_id] = np.concatenate([self.held[class_id], features[rows]])[smallest]
