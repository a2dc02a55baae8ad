# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Random changes of scenes for training, with the magnitudes of the published recipes.

The defaults are those of SpatioTemporalSegmentation (https://github.com/chrischoy/SpatioTemporalSegmentation,
MIT: ``lib/transforms.py``, ``lib/voxelizer.py``, ``lib/datasets/scannet.py``, ``config.py``). All
chance comes from the generator given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from numpy.random import Generator
from scipy import ndimage

from training.engine.settings import ExperimentError
from training.points.cloud import CloudError, LabelledCloud

Cloud = TypeVar("Cloud", bound=LabelledCloud)

_LARGEST_GRID = 20_000_000
"""Nodes of an elastic distortion; a house of 100 x 100 x 10 m at 0.2 m has 12 million."""


@dataclass(frozen=True)
class PointAugmentationConfig:
    """How much a training scene is changed; chances are in [0, 1].

    Attributes:
        elastic: granularity and magnitude, metres, of each elastic distortion; empty for none.
        elastic_chance: of all of them together.
        rotation: largest angle about z, degrees, either way.
        rotation_chance: of a rotation about z. Below 1, where scenes to come have walls along the
            axes: in voxels, these look otherwise than slanted ones.
        tilt: largest angle about x and about y, degrees, either way.
        scale: smallest and largest factor of the coordinates.
        flip_chance: of flips; then x and y are each mirrored in one of two cases.
        autocontrast_chance: of colours stretched to 0 to 255 by channel and blended with the
            unstretched ones by chance.
        color_shift: largest shift of all colours of a scene, as a part of 255, by channel.
        color_shift_chance: of a shift.
        color_jitter: standard deviation of the noise of each colour, as a part of 255.
        color_jitter_chance: of noise.
        dropout: part of a sample's voxels that is left out, where enough to learn from stays; 0 for
            networks that take blocks of a fixed number of points.
        dropout_chance: of leaving any out.
    """

    elastic: tuple[tuple[float, float], ...] = ((0.2, 0.4), (0.8, 1.6))
    elastic_chance: float = 0.95
    rotation: float = 180.0
    rotation_chance: float = 1.0
    tilt: float = 180.0 / 64
    scale: tuple[float, float] = (0.9, 1.1)
    flip_chance: float = 0.95
    autocontrast_chance: float = 0.2
    color_shift: float = 0.1
    color_shift_chance: float = 0.95
    color_jitter: float = 0.05
    color_jitter_chance: float = 0.95
    dropout: float = 0.2
    dropout_chance: float = 0.2

    def __post_init__(self) -> None:
        chances = [name for name in self.__dataclass_fields__ if name.endswith("_chance")]
        for name in (*chances, "dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ExperimentError(
                    f"augmentation.{name} is {getattr(self, name)}, must be from 0 to 1"
                )
        for granularity, magnitude in self.elastic:
            if not (0 < granularity < math.inf and 0 <= magnitude < math.inf):
                raise ExperimentError(
                    f"augmentation.elastic has ({granularity}, {magnitude}), must be a granularity "
                    "above 0 m and a magnitude from 0 m up"
                )
        if not 0 < self.scale[0] <= self.scale[1] < math.inf:
            raise ExperimentError(
                f"augmentation.scale is {list(self.scale)}, must be two factors above 0 in order"
            )
        for name in ("rotation", "tilt", "color_shift", "color_jitter"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ExperimentError(
                    f"augmentation.{name} is {getattr(self, name)}, must not be below 0"
                )


def augment(cloud: LabelledCloud, config: PointAugmentationConfig, rng: Generator) -> LabelledCloud:
    """A scene with changed coordinates and colours; the order and number of points stay.

    Raises:
        CloudError: if the scene is too large for an elastic distortion.
    """
    points = cloud.points.astype(np.float32)
    if config.elastic and rng.random() < config.elastic_chance:
        for granularity, magnitude in config.elastic:
            points = distort(points, granularity, magnitude, rng)
    points = points @ _turn(config, rng).T.astype(np.float32)
    if rng.random() < config.flip_chance:
        for axis in (0, 1):
            if rng.random() < 0.5:
                points[:, axis] = points[:, axis].max() - points[:, axis]
    return replace(cloud, points=points, colors=_recolour(cloud.colors, config, rng))


def drop(sample: Cloud, config: PointAugmentationConfig, rng: Generator) -> Cloud:
    """A sample of which some voxels or points may have been left out, in their order."""
    if not config.dropout or rng.random() >= config.dropout_chance:
        return sample
    kept = max(1, int(len(sample) * (1 - config.dropout)))
    rows = np.sort(rng.choice(len(sample), kept, replace=False))
    return sample.take(rows)  # type: ignore[return-value]


def distort(
    points: npt.NDArray[np.float32], granularity: float, magnitude: float, rng: Generator
) -> npt.NDArray[np.float32]:
    """Elastic distortion: smooth random displacements, interpolated from a grid of noise.

    Normal noise on a grid of `granularity`, averaged twice over three nodes along each axis, with
    zeros beyond the grid, and interpolated linearly.

    Args:
        points: float32 [n, 3], metres.
        granularity: distance of the grid's nodes, metres.
        magnitude: factor of the noise, metres.
        rng: the noise's.

    Raises:
        CloudError: if the grid would be too large.
    """
    low = points.min(0)
    nodes = [int(extent) + 3 for extent in np.minimum((points.max(0) - low) // granularity, 1e9)]
    if math.prod(nodes) > _LARGEST_GRID:
        raise CloudError(
            f"the scene is {points.max(0) - low} m large, too large for an elastic distortion with "
            f"a granularity of {granularity} m; check the unit of the points, which is metres"
        )
    noise = rng.standard_normal((3, *nodes), np.float32)
    for _ in range(2):
        for axis in (1, 2, 3):
            noise = ndimage.uniform_filter1d(noise, 3, axis, mode="constant")
    places = ((points - low) / np.float32(granularity) + 1).T
    moves = [
        ndimage.map_coordinates(channel, places, order=1, mode="constant", output=np.float32)
        for channel in noise
    ]
    return (points + np.stack(moves, 1) * np.float32(magnitude)).astype(np.float32)


def _turn(config: PointAugmentationConfig, rng: Generator) -> npt.NDArray[np.float64]:
    """Rotations about x, y and z in a random order, times a scale."""
    turns = []
    # where all are turned, chance is not asked: the same seeds give what they gave before
    turned = config.rotation_chance == 1 or rng.random() < config.rotation_chance
    rotation = config.rotation if turned else 0.0
    for axis, largest in enumerate((config.tilt, config.tilt, rotation)):
        angle = math.radians(rng.uniform(-largest, largest))
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = math.cos(angle)
        turn[first, second], turn[second, first] = -math.sin(angle), math.sin(angle)
        turns.append(turn)
    one, two, three = (turns[k] for k in rng.permutation(3))
    return one @ two @ three * rng.uniform(*config.scale)


def _recolour(
    colors: npt.NDArray[np.float32], config: PointAugmentationConfig, rng: Generator
) -> npt.NDArray[np.float32]:
    result: npt.NDArray[Any] = colors.astype(np.float32)
    if rng.random() < config.autocontrast_chance:
        low, high = result.min(0), result.max(0)
        stretched = (result - low) * (255 / np.maximum(high - low, 1))
        blend = np.float32(rng.random())
        result = (1 - blend) * result + blend * stretched
    if rng.random() < config.color_shift_chance:
        shift = rng.uniform(-1, 1, 3).astype(np.float32) * np.float32(255 * config.color_shift)
        result = np.clip(result + shift, 0, 255)
    if rng.random() < config.color_jitter_chance:
        noise = rng.standard_normal(result.shape, np.float32)
        result = np.clip(result + noise * np.float32(255 * config.color_jitter), 0, 255)
    return result.astype(np.float32)
