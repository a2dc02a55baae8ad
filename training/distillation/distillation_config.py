# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of 3D-to-2D distillation in an experiment."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from training.engine.settings import ExperimentError

REDUCTIONS = ("mean", "sum")
"""Of losses: means over each term's own pixels, as in the published code, or the paper's sums, over
one common divisor."""
CLASS_TREATMENTS = ("pixels", "classes")
"""Of the adversarial loss: every vector counts the same, as in Equations 3 and 4, or every class
that is there does."""
RUNNING = "running"


@dataclass(frozen=True)
class UnpairedConfig:
    """3D features that belong to no picture, for the semantic-aware adversarial loss.

    Attributes:
        scans: prepared data sets, whose scans' labels say of which class a point is.
        features: of their points, a folder for each of `scans`.
        weight: of the adversarial loss, 0.01 in the paper (Section 4).
        shared: one discriminator for all classes, as in the ablation of Table 7.
        class_treatment: ``pixels``, every vector counts the same as in Equations 3 and 4, or
            ``classes``, every class of a batch does.
        learning_rate: of the discriminators (Adam).
        pool_per_class: 3D features of each class that are kept in memory, at most.
        most_scenes: evenly spaced scenes of each of `scans` that these are taken from, where there
            are more; 0 for all.
    """

    scans: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    weight: float = 0.01
    shared: bool = False
    class_treatment: str = "pixels"
    learning_rate: float = 1e-4
    pool_per_class: int = 20000
    most_scenes: int = 0

    def __post_init__(self) -> None:
        if len(self.scans) != len(self.features):
            raise ExperimentError(
                f"distillation.unpaired has {len(self.scans)} scans and {len(self.features)} "
                "features; name a folder of features for each data set of scans"
            )
        _not_below_0("unpaired.weight", self.weight)
        _not_below_0("unpaired.most_scenes", self.most_scenes)
        if self.class_treatment not in CLASS_TREATMENTS:
            raise ExperimentError(
                f"distillation.unpaired.class_treatment is '{self.class_treatment}', must be of "
                f"{', '.join(CLASS_TREATMENTS)}"
            )
        for name in ("learning_rate", "pool_per_class"):
            if not 0 < getattr(self, name) < math.inf:
                raise ExperimentError(
                    f"distillation.unpaired.{name} is {getattr(self, name)}, must be above 0"
                )


@dataclass(frozen=True)
class DepthConfig:
    """Measured depth to learn from, for the depth baselines (Table 2); off by default.

    Attributes:
        weight: of the depth loss beside the cross-entropy; the paper says none.
        only: learn depth alone, with a network of one output: what a cascade sees.
    """

    weight: float = 0.0
    only: bool = False

    def __post_init__(self) -> None:
        _not_below_0("depth.weight", self.weight)
        if self.only and self.weight:
            raise ExperimentError(
                "distillation.depth.only learns nothing beside depth; give it, or a weight"
            )


@dataclass(frozen=True)
class StructuredConfig:
    """Structured knowledge distillation with a 3D teacher, a baseline (Table 2); off by default.

    Attributes:
        pixel_wise, pair_wise, holistic: weights of its terms, 10, 1 and 0.1 in its published code.
            There the pixel-wise sum is divided by the cells of one image and not by the images, so
            that its weight counts for each image of a device's batch; here all terms are means.
        patch: cells of the feature map along the side of a node of the pair-wise term.
        learning_rate: of the holistic term's critic (Adam).
    """

    pixel_wise: float = 0.0
    pair_wise: float = 0.0
    holistic: float = 0.0
    patch: int = 15
    learning_rate: float = 4e-4

    def __post_init__(self) -> None:
        for name in ("pixel_wise", "pair_wise", "holistic"):
            _not_below_0(f"structured.{name}", getattr(self, name))
        for name in ("patch", "learning_rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise ExperimentError(
                    f"distillation.structured.{name} is {getattr(self, name)}, must be above 0"
                )

    @property
    def active(self) -> bool:
        """Whether it has any term."""
        return self.pixel_wise + self.pair_wise + self.holistic > 0


@dataclass(frozen=True)
class DistillationConfig:
    """What a network with a distillation branch is taught by; nothing where none is named.

    Attributes:
        features: folders of point features, one for ``data.root`` and one for each of
            ``data.more_train``; "" for a data set without. Empty for training without paired 3D
            data.
        visible_points: folders that ``project`` wrote, likewise; empty for ``visible_points`` in
            each data set's folder.
        projection_weight: of the regression loss L_p, 0.03 in the paper; with 0 the network is the
            capacity-matched control.
        reduction: ``mean`` over valid and over covered pixels, as in the published code, or
            ``sum``, the paper's sums over one common divisor.
        statistics_2d: what DN2 brings features to: mean and standard deviation of the 2D branch
            over all channels, or empty for ``statistics_2d_of``.
        statistics_2d_of: ``running``, the averages of this run's own 2D branch, or a file that
            ``statistics-2d`` wrote of a trained network.
        unpaired, structured, depth: see there.
    """

    features: tuple[str, ...] = ()
    visible_points: tuple[str, ...] = ()
    projection_weight: float = 0.03
    reduction: str = "mean"
    statistics_2d: tuple[float, ...] = ()
    statistics_2d_of: str = RUNNING
    unpaired: UnpairedConfig = field(default_factory=UnpairedConfig)
    structured: StructuredConfig = field(default_factory=StructuredConfig)
    depth: DepthConfig = field(default_factory=DepthConfig)

    def __post_init__(self) -> None:
        _not_below_0("projection_weight", self.projection_weight)
        if self.reduction not in REDUCTIONS:
            raise ExperimentError(
                f"distillation.reduction is '{self.reduction}', must be of {', '.join(REDUCTIONS)}"
            )
        if self.visible_points and len(self.visible_points) != len(self.features):
            raise ExperimentError(
                f"distillation has {len(self.features)} features and {len(self.visible_points)} "
                "visible_points; name as many, or no visible_points for those in the data sets' "
                "folders"
            )
        if self.statistics_2d and not (len(self.statistics_2d) == 2 and self.statistics_2d[1] > 0):
            raise ExperimentError(
                f"distillation.statistics_2d is {list(self.statistics_2d)}, must be a mean and a "
                "standard deviation above 0"
            )
        if self.structured.active and (self.unpaired.features or not self.paired):
            raise ExperimentError(
                "distillation.structured needs features of paired scans and is a method of its "
                "own: give distillation.features, and nothing in distillation.unpaired"
            )
        if self.depth.only and self.reduction == "sum":
            raise ExperimentError(
                "distillation.depth.only has no pixels with classes to divide a sum by; set "
                "distillation.reduction to mean"
            )
        if (self.depth.only or self.depth.weight) and self.active:
            raise ExperimentError(
                "distillation.depth is a baseline of its own, and learns nothing from 3D features"
            )

    @property
    def paired(self) -> bool:
        """Whether there are features of points that pictures show."""
        return any(self.features)

    @property
    def active(self) -> bool:
        """Whether there is anything to distil."""
        return self.paired or bool(self.unpaired.features)


def _not_below_0(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise ExperimentError(f"distillation.{name} is {value}, must be at least 0")
