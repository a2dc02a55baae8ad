# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The discriminators' side of a training run with unpaired 3D features."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seg3d2d_ros.labels import LabelSpace
from training.counted import counted
from training.distillation.distillation_config import UnpairedConfig
from training.distillation.feature_pool import FeaturePool
from training.distillation.losses import ADVERSARIAL
from training.distillation.pool_file import open_pool
from training.distillation.pool_source import PoolSource
from training.distillation.semantic_aware_adversarial_loss import (
    DiscriminatorAccuracy,
    SemanticAwareAdversarialLoss,
)
from training.engine.loss_sums import LossSum, divisors
from training.engine.settings import ExperimentError
from training.engine.workers import Workers
from training.points.features.features_folder import PointFeatures
from training.points.scenes import LabelledScenes

logger = logging.getLogger(__name__)

_BETAS = (0.5, 0.999)
"""Of Adam, as usual for discriminators (Radford et al., ICLR 2016)."""
_SCENES_IN_MEMORY = 0
"""Bytes; each scene is read once, for the pool."""


class Adversary:
    """Discriminators that learn in turn with a 2D network (Section 3.3).

    In each step the 2D network learns to deceive them as they are, then they learn from the
    simulated features that it gave and as many drawn ones of the same classes, so that neither
    answer is right more often than the other.

    Args:
        config: settings.
        pools: 3D features by class.
        num_classes: of the 2D network.
        width: channels of the features.
        workers: processes that train together.
        seed: of the discriminators' first weights.
    """

    def __init__(
        self,
        config: UnpairedConfig,
        pools: list[FeaturePool],
        num_classes: int,
        width: int,
        workers: Workers,
        seed: int,
    ) -> None:
        self.config, self.pools, self.workers = config, pools, workers
        without = set.intersection(*(set(pool.classes_without_points) for pool in pools))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.loss = SemanticAwareAdversarialLoss(
                num_classes,
                width,
                shared=config.shared,
                class_treatment=config.class_treatment,
                without_real=sorted(without),
            ).to(workers.device)
        self.optimiser = torch.optim.Adam(
            self.loss.parameters(), lr=config.learning_rate, betas=_BETAS
        )
        self._seen: list[tuple[Tensor, Tensor]] = []
        self._accuracy: DiscriminatorAccuracy | None = None
        self._discriminator_loss = self._network_loss = float("nan")

    def count(self, cells: Tensor) -> int:
        """How many of the network's cells take part.

        Args:
            cells: labels int64 [N, h, w] of a whole step, which begins with this; those that are
                no class take no part.
        """
        self._seen = []  # of a step that was skipped
        known = (cells >= 0) & (cells < self.loss.num_classes)
        return int(self.loss.has_real.cpu()[cells.cpu()[known.cpu()]].sum())

    def deceive(self, simulated: Tensor, cells: Tensor) -> LossSum:
        """The 2D network's loss (Eq. 4) on a part of a step, kept for :meth:`learn`.

        Args:
            simulated: simulated 3D features [N, C, h, w].
            cells: labels int64 [N, h, w].
        """
        vectors = simulated.permute(0, 2, 3, 1).flatten(0, 2)
        classes = cells.flatten()
        known = (classes >= 0) & (classes < self.loss.num_classes)
        vectors, classes = vectors[known], classes[known]
        self._seen.append((vectors.detach(), classes))
        return self.loss.generator_sum(vectors, classes)

    def learn(self, step: int, *, watched: bool) -> None:
        """A step of the discriminators (Eq. 3) on what the 2D network gave in this step.

        Args:
            step: of the run.
            watched: whether :meth:`scalars` are asked for after it.
        """
        vectors, classes = (torch.cat(parts) for parts in zip(*self._seen, strict=True))
        self._seen = []
        real, real_classes = self._draw(step, classes)
        found = self.loss.discriminator_sum(vectors, classes, real, real_classes)
        divisor = divisors({ADVERSARIAL: found.count}, "mean", self.workers.mean)[ADVERSARIAL]
        self.optimiser.zero_grad()
        (found.total / divisor).backward()
        self.workers.average_gradients(self.loss.parameters())
        self.optimiser.step()
        if not watched:
            return
        self._discriminator_loss = float(found.total.detach()) / divisor
        deceived = self.loss.generator_sum(vectors, classes)
        self._network_loss = deceived.mean
        self._accuracy = self.loss.accuracy(vectors, classes, real, real_classes)

    def _draw(self, step: int, classes: Tensor) -> tuple[Tensor, Tensor]:
        there, counts = torch.unique(classes.cpu(), return_counts=True)
        share = [-(-count // len(self.pools)) for count in counts.tolist()]
        parts = [pool.draw(step, there.tolist(), share, self.workers.rank) for pool in self.pools]
        real, ids = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        return real.to(self.workers.device), ids.to(self.workers.device)

    def scalars(self, label_space: LabelSpace) -> dict[str, float]:
        """Loss of the discriminators and their accuracy by class, of the last step."""
        scalars = {
            "adversarial/discriminators": self.workers.mean(self._discriminator_loss),
            "adversarial/network": self.workers.mean(self._network_loss),
        }
        if self._accuracy is None:
            return scalars
        accuracy = self._accuracy.mean_over_processes()
        for name, value in zip(label_space.names, accuracy.by_class.tolist(), strict=True):
            if not math.isnan(value):  # as it is of a class without vectors
                scalars[f"adversarial/accuracy/{name}"] = value
        scalars["adversarial/vectors_left_out"] = float(accuracy.left_out)
        return scalars

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {"loss": self.loss.state_dict(), "optimiser": self.optimiser.state_dict()}

    def take_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self.loss.load_state_dict(state["loss"])
        self.optimiser.load_state_dict(state["optimiser"])


def new_adversary(
    config: UnpairedConfig,
    label_space: LabelSpace,
    width: int,
    workers: Workers,
    seed: int,
    folder: Path,
    show_progress: bool = False,
) -> Adversary:
    """Read the features that an experiment names, or what was held of them before.

    Args:
        config: names them.
        label_space: of the 2D network.
        width: channels that it simulates.
        workers: processes that train together.
        seed: of what is drawn.
        folder: of the run, which has a file of each data set's pool, ``feature_pool_<number>.npz``.
        show_progress: a progress line on stderr where scenes are read.

    Raises:
        ExperimentError: if no class has a 3D feature.
        DatasetError: if scans or features can't be used.
        LabelSpaceError: if a label space can't be read.
        OSError: if a pool can't be written.
    """
    classes = label_space.num_classes
    pools = []
    for number, (scans, features) in enumerate(zip(config.scans, config.features, strict=True)):
        scenes = LabelledScenes(Path(scans), "train", label_space, _SCENES_IN_MEMORY)
        source = PoolSource(
            PointFeatures(Path(features)),
            scenes,
            classes,
            width,
            per_class=config.pool_per_class,
            most_scenes=config.most_scenes,
            seed=seed + number,
        )
        pool = open_pool(folder / f"feature_pool_{number}.npz", source, workers, show_progress)
        points = counted(int(pool.seen.sum()), "labelled point")
        used = counted(len(source.chosen) - len(pool.defects), "scene")
        left_out = f", {len(pool.defects):,} left out" if pool.defects else ""
        logger.info(
            "3D features of %s from %s of %s of %s%s", features, points, used, scans, left_out
        )
        pools.append(pool)
    adversary = Adversary(config, pools, classes, width, workers, seed)
    names = [
        name
        for name, known in zip(label_space.names, adversary.loss.has_real, strict=True)
        if not known
    ]
    if len(names) == classes:
        raise ExperimentError("distillation.unpaired: no class has a point with features")
    if names:
        logger.info(
            "classes without 3D points, left out of the adversarial loss: %s", ", ".join(names)
        )
    return adversary
