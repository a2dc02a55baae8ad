# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training batches of scenes as a pure function of seed and step, drawn ahead in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from training.points.augmentation import PointAugmentationConfig, augment, drop
from training.points.cloud import CloudError, LabelledCloud
from training.points.sampling.scene_sampling import SceneSampling, TrainingBatch
from training.points.scenes import LabelledScenes

_MOST_SCENES_TRIED = 100


class SceneBatches:
    """Augmented batches; every epoch is a new permutation of all its samples' scenes.

    Nothing is dropped from a sample of which too little to learn from would stay.

    Args:
        scenes: what to train on.
        sampling: the network's.
        config: augmentation.
        batch: samples at a time.
        accumulate: such batches a step.
        seed: of order, augmentation and sampling.
        points_per_sample: a scene occurs in an epoch once for each so many of its points, rounded,
            at least once; 0 for every scene once.
        rank: number of this process among those that train together.
        workers: how many they are; each takes its own part of a step's samples.
        loaders: threads that make the steps to come.

    Raises:
        DatasetError, CloudError: if `points_per_sample` is given and a scene can't be read.
    """

    def __init__(
        self,
        scenes: LabelledScenes,
        sampling: SceneSampling,
        config: PointAugmentationConfig,
        *,
        batch: int,
        accumulate: int,
        seed: int,
        points_per_sample: int = 0,
        rank: int = 0,
        workers: int = 1,
        loaders: int = 1,
    ) -> None:
        self.scenes, self.sampling, self.config = scenes, sampling, config
        self.batch, self.accumulate, self.seed = batch, accumulate, seed
        self.rank, self.workers, self.loaders = rank, workers, loaders
        occurrences = [
            max(1, round(len(scenes.load(index)) / points_per_sample)) if points_per_sample else 1
            for index in range(len(scenes))
        ]
        self._epoch = np.repeat(np.arange(len(scenes)), occurrences)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which all scenes are seen, rounded up."""
        return -(-len(self._epoch) // (self.batch * self.accumulate * self.workers))

    def _scene_index(self, sample: int) -> int:
        epoch, position = divmod(sample, len(self._epoch))
        order = np.random.default_rng([self.seed, 0, epoch]).permutation(len(self._epoch))
        return int(self._epoch[order[position]])

    def _draw(self, sample: int) -> LabelledCloud:
        """A sample; where its scene has too few points, of the one after it in the order."""
        rng = np.random.default_rng([self.seed, 1, sample])
        tried = min(len(self._epoch), _MOST_SCENES_TRIED)
        for further in range(tried):
            index = self._scene_index(sample + further)
            cloud = augment(self.scenes.load(index), self.config, rng)
            drawn = self.sampling.draw(cloud, rng)
            if drawn is not None:
                dropped = drop(drawn, self.config, rng)
                kept_enough = dropped is drawn or self.sampling.can_be_learned(dropped)
                return dropped if kept_enough else drawn
        raise CloudError(
            f"{tried} scenes of the split '{self.scenes.split}' of {self.scenes.folder} have too "
            "few points, or none with a class, to draw a training sample from; check "
            "network.sampling and the label space"
        )

    def at(self, step: int) -> tuple[TrainingBatch, ...]:
        """The batches of a step, whose gradients are taken together.

        Raises:
            DatasetError, CloudError: if a scene can't be used.
        """
        each = self.batch * self.accumulate
        first = (step * self.workers + self.rank) * each
        return tuple(
            self.sampling.batch(self._samples(range(start, start + self.batch)))
            for start in range(first, first + each, self.batch)
        )

    def _samples(self, numbers: Sequence[int]) -> list[LabelledCloud]:
        return [self._draw(number) for number in numbers]

    def iterate(self, first: int, last: int) -> Iterator[tuple[TrainingBatch, ...]]:
        """Batches of the steps `first` to before `last`, made ahead in threads."""
        with ThreadPoolExecutor(self.loaders) as pool:
            coming: deque[Future[tuple[TrainingBatch, ...]]] = deque()
            try:
                for step in range(first, last):
                    while len(coming) <= self.loaders and step + len(coming) < last:
                        coming.append(pool.submit(self.at, step + len(coming)))
                    yield coming.popleft().result()
            finally:
                for upcoming in coming:
                    upcoming.cancel()
