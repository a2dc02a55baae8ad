# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Real 3D features by class, from scenes that need not be those of the images.

What the discriminators of :mod:`training.distillation.semantic_aware_adversarial_loss` learn real
features from: f3D_j of Eq. 3, the class of each being that of its point.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_DRAW = 1
"""Which random numbers a seed is for; what is held is drawn by others."""


class FeaturePool:
    """A bounded number of 3D features of each class, drawn evenly from all points of all scenes.

    What is drawn depends on the seed and the step, so that a run that goes on from a checkpoint
    draws what it would have drawn. :meth:`training.distillation.pool_source.PoolSource.read` makes
    one.

    Args:
        held: float16 [R, C] of each class.
        seen: int64 [N], points that the scenes have by class.
        seed: for what is drawn.
        defects: a sentence for each scene that was left out.

    Attributes:
        width: C, channels.
        num_classes: N.
        seen, defects: see there.
    """

    def __init__(
        self,
        held: Sequence[npt.NDArray[np.float16]],
        seen: npt.NDArray[np.int64],
        *,
        seed: int,
        defects: Sequence[str] = (),
    ) -> None:
        self._held, self.seen = tuple(held), seen
        self.num_classes, self.width = len(self._held), self._held[0].shape[1]
        self.defects = list(defects)
        self._seed = seed

    @property
    def classes_without_points(self) -> list[int]:
        """Classes of which no scene has a point: discriminators can't learn them."""
        found: list[int] = np.flatnonzero(self.seen == 0).tolist()
        return found

    def held(self, class_id: int) -> int:
        """Number of vectors that are held of a class."""
        return len(self._held[class_id])

    def vectors(self, class_id: int) -> npt.NDArray[np.float16]:
        """What is held of a class, float16 [R, C]; not to be changed."""
        return self._held[class_id]

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
