# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Training batches as a pure function of seed and step, so that a resumed run sees the same."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.data.augmentation import augment
from training.data.augmentation_config import AugmentationConfig
from training.data.labelled_frames import JoinedFrames

Sample = tuple[npt.NDArray[Any], ...]


class TrainingBatches:
    """Augmented batches; every epoch is a new permutation of all frames.

    Samples are made in several threads at a time, so what makes them shares nothing that they
    change; batches are the same for any number of threads.

    Args:
        dataset: frames.
        batch: images a step.
        crop: height and width of the images.
        early_crop: those of the first `early_steps` steps, with zooms smaller by the square root
            of the areas' ratio, so that as much of a frame shows.
        early_steps: number of those steps.
        config: augmentation.
        seed: of the order and the augmentation.
        rank: number of this process among those that train together.
        workers: how many they are; each takes its own part of a step's samples.
        unlabeled: id of pixels without a class.
        loaders: that make the samples of the steps to come.
    """

    def __init__(
        self,
        dataset: JoinedFrames,
        *,
        batch: int,
        crop: tuple[int, int],
        config: AugmentationConfig,
        seed: int,
        unlabeled: int,
        early_crop: tuple[int, int] | None = None,
        early_steps: int = 0,
        rank: int = 0,
        workers: int = 1,
        loaders: int = 1,
    ) -> None:
        self.dataset = dataset
        self.batch = batch
        self.crop = crop
        self.config = config
        self.seed = seed
        self.unlabeled = unlabeled
        self.early_crop = crop if early_crop is None else early_crop
        self.early_steps = early_steps
        self.rank = rank
        self.workers = workers
        self.loaders = loaders

    def _frame_index(self, sample: int) -> int:
        epoch, position = divmod(sample, len(self.dataset))
        order = np.random.default_rng([self.seed, 0, epoch]).permutation(len(self.dataset))
        return int(order[position])

    def _size(self, step: int) -> tuple[tuple[int, int], AugmentationConfig]:
        """Crop of a step, and the augmentation with zooms to match."""
        if step >= self.early_steps:
            return self.crop, self.config
        shrink = math.sqrt(math.prod(self.early_crop) / math.prod(self.crop))
        low, high = self.config.scale
        return self.early_crop, replace(self.config, scale=(low * shrink, high * shrink))

    def at(self, step: int) -> tuple[Tensor, ...]:
        """What :meth:`sample` gives of a step's samples: images uint8 [N, H, W, 3], labels."""
        size = self._size(step)
        return _together([self.sample(number, *size) for number in self._numbers(step)])

    def _numbers(self, step: int) -> Sequence[int]:
        """Of a step's samples in this process."""
        first = (step * self.workers + self.rank) * self.batch
        return range(first, first + self.batch)

    def sample(self, number: int, crop: tuple[int, int], config: AugmentationConfig) -> Sample:
        """Image uint8 (H, W, 3) in RGB and labels int64 (H, W) of one sample of the run."""
        image, labels = self.dataset.load(self._frame_index(number))
        image, labels = augment(
            image,
            labels,
            crop,
            config=config,
            rng=self._chance(number),
            unlabeled=self.unlabeled,
        )
        return image, labels.astype(np.int64)

    def _chance(self, number: int) -> np.random.Generator:
        """Of the augmentation of a sample."""
        return np.random.default_rng([self.seed, 1, number])

    def iterate(self, first: int, last: int) -> Iterator[tuple[Tensor, ...]]:
        """Batches of the steps ``first`` to before ``last``, made ahead in threads.

        At least one step ahead, and as many as give each thread a sample.
        """
        ahead = max(1, math.ceil(self.loaders / self.batch))
        loading = ThreadPoolExecutor(self.loaders, "loading")
        # waits for samples, which the others shall not
        joining = ThreadPoolExecutor(1, "joining")
        coming: deque[Future[tuple[Tensor, ...]]] = deque()
        try:
            for step in range(first, last):
                while len(coming) <= ahead and step + len(coming) < last:
                    further, size = step + len(coming), self._size(step + len(coming))
                    samples = [
                        loading.submit(self.sample, number, *size)
                        for number in self._numbers(further)
                    ]
                    coming.append(joining.submit(_results_together, samples))
                yield coming.popleft().result()
        finally:
            for pool in (loading, joining):
                pool.shutdown(cancel_futures=True)


def _results_together(samples: Sequence[Future[Sample]]) -> tuple[Tensor, ...]:
    return _together([sample.result() for sample in samples])


def _together(samples: Sequence[Sample]) -> tuple[Tensor, ...]:
    return tuple(torch.from_numpy(np.stack(arrays)) for arrays in zip(*samples, strict=True))
