# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Scenes as occupied voxels, for sparse convolution."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from numpy.random import Generator
from torch import Tensor

from training.points.cloud import UNLABELED, CloudError, LabelledCloud
from training.points.sampling.scene_sampling import ScenePart, SceneSampling, TrainingBatch
from training.points.sparse.voxel_pyramid import LARGEST_COORDINATE

POSITIONS = ("none", "voxels", "metres")
_COARSEST_STRIDE = 16
"""Of the networks that take voxels."""
_FEWEST_COARSE_VOXELS = 2
"""What batch norm at the coarsest stride needs to have a variance."""


@dataclass(frozen=True, eq=False)
class SceneVoxels:
    """Occupied voxels of one scene, in ascending order of x, then y, then z.

    Attributes:
        coordinates: int64 [n, 3], from 0.
        lowest: int64 [3], what was subtracted to make them so, a multiple of 16.
        first: int64 [n], number of the first point in each voxel.
        rows: int64 [m], voxel of each point.
    """

    coordinates: npt.NDArray[np.int64]
    lowest: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]

    @property
    def coarse(self) -> int:
        """Occupied voxels at the coarsest stride."""
        return len(np.unique(_keys(self.coordinates // _COARSEST_STRIDE)))


def voxelise(points: npt.NDArray[np.float32], voxel_size: float) -> SceneVoxels:
    """Voxels that hold points.

    A point lies in the voxel floor(xyz / voxel_size), of a grid through the scene's origin. What
    is subtracted to make coordinates non-negative is a multiple of the coarsest stride, so the
    voxels that cover them at strides 2 to 16 are those of the unshifted grid.

    Args:
        points: [m, 3], metres.
        voxel_size: side, metres.

    Raises:
        CloudError: if there is no point, the scene is larger than the range of coordinates, or a
            coordinate is no finite number.
    """
    if not len(points):
        raise CloudError("there are no points to put into voxels")
    scaled = np.floor(points.astype(np.float64) * (1.0 / voxel_size))
    lowest = np.floor(scaled.min(0) / _COARSEST_STRIDE) * _COARSEST_STRIDE
    largest = float((scaled.max(0) - lowest).max())
    # also false for what is no number
    if not (largest <= LARGEST_COORDINATE and bool((np.abs(lowest) < 2.0**53).all())):
        raise CloudError(
            f"the scene is {largest * voxel_size:.6g} m across, more than the "
            f"{LARGEST_COORDINATE * voxel_size:.6g} m that voxels of {voxel_size:g} m reach; use "
            "larger voxels, or check the unit of the points, which is metres"
        )
    coordinates = (scaled - lowest).astype(np.int64)
    _, first, rows = np.unique(_keys(coordinates), return_index=True, return_inverse=True)
    return SceneVoxels(coordinates[first], lowest.astype(np.int64), first, rows.reshape(-1))


def _keys(coordinates: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return (coordinates[:, 0] << 32) | (coordinates[:, 1] << 16) | coordinates[:, 2]


@dataclass(frozen=True)
class VoxelSampling(SceneSampling):
    """Whole scenes, or windows of them, as voxels; a voxel looks like its first point.

    Colours are rgb / 255 - 0.5. In training a voxel whose points have different classes has none.

    Attributes:
        voxel_size: side, metres; published: 0.02 for ScanNet, 0.05 for S3DIS.
        point_cap: most voxels of a training batch. Samples that would exceed it are left out from
            the batch's end on, as published; a scene that exceeds it alone is cut to the voxels
            nearest to a random one, by horizontal distance.
        crop_m: side, metres, of the random horizontal square that a training sample is cut to; it
            is centred on a random point, and 0 takes the whole scene. The published recipes take
            the whole scene; windows make steps smaller and batches more varied.
        positions: three more channels of a voxel, as the published networks for S3DIS take them;
            ``none``, ``voxels`` or ``metres``. ``voxels``: of the voxel, in voxels, x and y from
            their mean over the scene's voxels, z from the scene's origin, as in the published
            training code. ``metres``: of the voxel's first point, from the mean of these points
            (the published demonstration takes that of all points, which a batch no longer has).
            The scene is what a sample was cut to, where it was.

    Raises:
        ValueError: if a setting is impossible.
    """

    voxel_size: float = 0.02
    point_cap: int = 1_200_000
    crop_m: float = 0.0
    positions: str = "none"

    def __post_init__(self) -> None:
        if not (0.0 < self.voxel_size < math.inf):
            raise ValueError(f"voxel_size is {self.voxel_size}, it must be a length in metres")
        if self.point_cap < 1:
            raise ValueError(f"point_cap is {self.point_cap}, it must be at least 1")
        if not (0.0 <= self.crop_m < math.inf):
            raise ValueError(
                f"crop_m is {self.crop_m}, it must be a length in metres, or 0 for whole scenes"
            )
        if self.positions not in POSITIONS:
            raise ValueError(f"positions is {self.positions}, it must be of {', '.join(POSITIONS)}")

    def draw(self, cloud: LabelledCloud, rng: Generator) -> LabelledCloud | None:
        """Points of one training sample: one for each voxel; its class is the voxel's.

        None where that is no sample that :meth:`can_be_learned`.

        Raises:
            CloudError: if the scene is larger than the range of voxels.
        """
        if not len(cloud):
            return None
        if self.crop_m:
            centre = cloud.points[rng.integers(len(cloud)), :2]
            inside = (np.abs(cloud.points[:, :2] - centre) <= self.crop_m / 2).all(1)
            cloud = cloud.take(inside)
        voxels = voxelise(cloud.points, self.voxel_size)
        sample = LabelledCloud(
            cloud.points[voxels.first],
            cloud.colors[voxels.first],
            _agreed_labels(cloud.labels, voxels),
        )
        if len(sample) > self.point_cap:
            centre = sample.points[rng.integers(len(sample)), :2]
            distance = np.square(sample.points[:, :2] - centre).sum(1)
            nearest = np.argsort(distance, kind="stable")[: self.point_cap]
            sample = sample.take(np.sort(nearest))
            voxels = voxelise(sample.points, self.voxel_size)
        return sample if _enough(voxels, sample.labels) else None

    def can_be_learned(self, sample: LabelledCloud) -> bool:
        """Whether a sample has a class, and two voxels or more at the coarsest stride.

        Batch norm cannot be trained on one.

        Raises:
            CloudError: if the sample is larger than the range of voxels, or has no point.
        """
        return _enough(voxelise(sample.points, self.voxel_size), sample.labels)

    def batch(self, samples: Sequence[LabelledCloud]) -> TrainingBatch:
        """Inputs of the network: voxels int32 [n, 4] and features float32 [n, 3 or 6].

        Voxels are in ascending order of scene, x, y and z.

        Raises:
            CloudError: if a scene is larger than the range of voxels, or there is no sample.
        """
        if not samples:
            raise CloudError("a batch needs at least one sample")
        coordinates, features, labels = [], [], []
        count = 0
        for number, sample in enumerate(samples):
            voxels = voxelise(sample.points, self.voxel_size)
            count += len(voxels.first)
            if number and count > self.point_cap:
                break
            coordinates.append(_numbered(voxels.coordinates, number))
            features.append(self._features(voxels, sample.points, sample.colors))
            labels.append(torch.from_numpy(_agreed_labels(sample.labels, voxels)))
        return TrainingBatch((torch.cat(coordinates), torch.cat(features)), torch.cat(labels))

    def parts(
        self, points: npt.NDArray[np.float32], colors: npt.NDArray[np.uint8]
    ) -> Iterator[ScenePart]:
        """The scene as one part, whatever its size; each point is told what its voxel is.

        Raises:
            CloudError: if the scene is larger than the range of voxels.
        """
        voxels = voxelise(points, self.voxel_size)
        inputs = (_numbered(voxels.coordinates, 0), self._features(voxels, points, colors))
        yield ScenePart(inputs, np.arange(len(points), dtype=np.int64), voxels.rows)

    def _features(
        self,
        voxels: SceneVoxels,
        points: npt.NDArray[np.float32],
        colors: npt.NDArray[np.generic],
    ) -> Tensor:
        values = colors[voxels.first].astype(np.float32) / np.float32(255) - np.float32(0.5)
        if self.positions == "voxels":
            places = (voxels.coordinates + voxels.lowest).astype(np.float64)
            places[:, :2] -= places[:, :2].mean(0)
        elif self.positions == "metres":
            places = points[voxels.first].astype(np.float64)
            places -= places.mean(0)
        else:
            return torch.from_numpy(values)
        return torch.from_numpy(np.concatenate([values, places.astype(np.float32)], 1))


def _enough(voxels: SceneVoxels, labels: npt.NDArray[np.int64]) -> bool:
    return voxels.coarse >= _FEWEST_COARSE_VOXELS and bool((labels != UNLABELED).any())


def _numbered(coordinates: npt.NDArray[np.int64], scene: int) -> Tensor:
    """Voxels int32 [n, 4] with the scene's number in the batch before x, y, z."""
    return torch.from_numpy(np.insert(coordinates, 0, scene, 1).astype(np.int32))


def _agreed_labels(labels: npt.NDArray[np.int64], voxels: SceneVoxels) -> npt.NDArray[np.int64]:
    """Class of each voxel whose points all have the same; `UNLABELED` for others."""
    agreed = labels[voxels.first]
    agreed[voxels.rows[labels != agreed[voxels.rows]]] = UNLABELED
    return agreed
