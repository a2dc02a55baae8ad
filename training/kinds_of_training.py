# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which training an experiment of a 2D network asks for."""

from __future__ import annotations

from training.engine.experiment import Experiment
from training.engine.trainer import Trainer


def trainer_of(experiment: Experiment) -> type[Trainer]:
    """The class that trains it, by what the experiment names to learn from beside labels."""
    depth = experiment.distillation.depth
    if depth.only or depth.weight:
        from training.distillation.depth_trainer import DepthTrainer, MultitaskTrainer

        return DepthTrainer if depth.only else MultitaskTrainer
    if experiment.distillation.structured.active:
        from training.distillation.structured_trainer import StructuredDistillationTrainer

        return StructuredDistillationTrainer
    if experiment.distillation.active:
        from training.distillation.distillation_trainer import DistillationTrainer

        return DistillationTrainer
    return Trainer
