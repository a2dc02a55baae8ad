# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The interface between scenes and networks: samples to train on, parts to predict from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
from numpy.random import Generator
from torch import Tensor

from training.points.cloud import LabelledCloud

Sample = TypeVar("Sample", bound=LabelledCloud)
"""What a sampling draws: points, with what else its network needs of them."""


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """What a training step sees.

    Attributes:
        inputs: of the network.
        labels: int64 [n], class of each row of the network's output, `UNLABELED` for none.
    """

    inputs: tuple[Tensor, ...]
    labels: Tensor


@dataclass(frozen=True, eq=False)
class ScenePart:
    """What a network sees of a scene at a time, and which points its output is about.

    Attributes:
        inputs: of the network.
        points: int64 [m], numbers of the scene's points.
        rows: int64 [m], the row of the network's output that is about each of them. A point may
            be named by several parts, or more than once: its result is the mean.
    """

    inputs: tuple[Tensor, ...]
    points: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]


class SceneSampling(ABC, Generic[Sample]):
    """How one kind of network sees scenes.

    Settings are fields of a frozen dataclass, so that an experiment file can name them.
    """

    @abstractmethod
    def draw(self, cloud: LabelledCloud, rng: Generator) -> Sample | None:
        """Points of one training sample, from an augmented scene; None where there are too few.

        What chance there is comes from `rng` alone. What is drawn :meth:`can_be_learned`.
        """

    @abstractmethod
    def can_be_learned(self, sample: Sample) -> bool:
        """Whether a network can be trained on a sample, be it alone in its batch."""

    @abstractmethod
    def batch(self, samples: Sequence[Sample]) -> TrainingBatch:
        """Put drawn samples together."""

    @abstractmethod
    def parts(
        self, points: npt.NDArray[np.float32], colors: npt.NDArray[np.uint8]
    ) -> Iterator[ScenePart]:
        """Parts that together name every point of a scene at least once; without chance.

        Args:
            points: [n, 3], metres.
            colors: [n, 3], RGB.
        """
