# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Blocks of a room, as PointWeb sees it.

Columns of a room with as many points each, as the published code (https://github.com/hszhao/PointWeb,
MIT: ``util/s3dis.py``, ``tool/test_s3dis.py``) makes them of S3DIS. A point has its coordinates in
the block (x and y from the middle of the block, z from the lowest point of the room, metres), its
colour from 0 to 1, and its place in the room, from 0 to 1 along each axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from numpy.random import Generator
from torch import Tensor

from training.points.cloud import LabelledCloud
from training.points.sampling.scene_sampling import ScenePart, SceneSampling, TrainingBatch

_TRIES = 100
_SEED = 0
"""Of the order of a block's points in prediction, and of which of them are repeated."""
_MARGIN = 1e-8
"""Metres that blocks of a prediction reach beyond their edges, as published."""

_Points = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Block(LabelledCloud):
    """Points of a block.

    Attributes:
        places: float32 [n, 3], place in the room, from 0 to 1 along each axis.
    """

    places: npt.NDArray[np.float32]

    def take(self, rows: npt.NDArray[Any]) -> Block:
        """Some of the points: their numbers, or a mask."""
        return Block(self.points[rows], self.colors[rows], self.labels[rows], self.places[rows])


@dataclass(frozen=True)
class BlockSampling(SceneSampling[Block]):
    """Columns of a room; the published settings of S3DIS.

    Attributes:
        block_size: of the column along x and y, metres.
        num_points: of each block, drawn or repeated.
        min_points: a training block has more points in its column.
        stride: between the blocks of a prediction, metres; at most `block_size`.
        blocks_at_once: that a network sees in prediction.
        colors: whether features have colours before the place; published for S3DIS, not ScanNet.

    Raises:
        ValueError: if a setting is impossible.
    """

    block_size: float = 1.0
    num_points: int = 4096
    min_points: int = 1024
    stride: float = 0.5
    blocks_at_once: int = 8
    colors: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.stride <= self.block_size < np.inf:
            raise ValueError(
                f"block_size is {self.block_size} and stride {self.stride}; both must be above 0, "
                "and the stride not above the size, or points are left out"
            )
        if self.num_points < 1 or self.min_points < 0 or self.blocks_at_once < 1:
            raise ValueError("num_points and blocks_at_once must be at least 1, min_points 0")

    def draw(self, cloud: LabelledCloud, rng: Generator) -> Block | None:
        """Points of the column around one of the scene's points.

        They are drawn without repetition where there are enough. None where 100 columns had too
        few points.
        """
        if len(cloud) <= self.min_points:
            return None
        half = self.block_size / 2
        for _ in range(_TRIES):
            center = cloud.points[rng.integers(len(cloud))].astype(np.float64)
            inside = (np.abs(cloud.points[:, :2] - center[:2]) <= half).all(1)
            rows = np.flatnonzero(inside)
            if len(rows) > self.min_points:
                break
        else:
            return None
        rows = rng.choice(rows, self.num_points, replace=len(rows) < self.num_points)
        room = _Room.of(cloud.points)
        return Block(
            room.coordinates(cloud.points[rows], center),
            cloud.colors[rows],
            cloud.labels[rows],
            room.places(cloud.points[rows]),
        )

    def can_be_learned(self, sample: Block) -> bool:
        """Whether a block has as many points as each."""
        return len(sample) == self.num_points

    def batch(self, samples: Sequence[Block]) -> TrainingBatch:
        """Points [B, num_points, 3] and features [B, num_points, 6 or 3] of blocks."""
        points, features = zip(
            *(self._inputs(block.points, block.colors, block.places) for block in samples),
            strict=True,
        )
        labels = torch.from_numpy(np.concatenate([block.labels for block in samples]))
        return TrainingBatch((torch.stack(points), torch.stack(features)), labels)

    def parts(
        self, points: npt.NDArray[np.float32], colors: npt.NDArray[np.uint8]
    ) -> Iterator[ScenePart]:
        """Blocks on a grid over the room, the last of a row moved back to the room's edge.

        Each has all points of its column, filled up with some of them to a multiple of
        `num_points`, in an order of a fixed seed, `num_points` at a time.

        Args:
            points: [n, 3], metres.
            colors: [n, 3], RGB.
        """
        room, rng = _Room.of(points), np.random.default_rng(_SEED)
        chunks = self._chunks(points, room, rng)
        while some := list(islice(chunks, self.blocks_at_once)):
            inputs = [
                self._inputs(
                    room.coordinates(points[rows], center), colors[rows], room.places(points[rows])
                )
                for rows, center in some
            ]
            numbers = np.concatenate([rows for rows, _ in some])
            yield ScenePart(
                (
                    torch.stack([each[0] for each in inputs]),
                    torch.stack([each[1] for each in inputs]),
                ),
                numbers,
                np.arange(len(numbers)),
            )

    def _chunks(
        self, points: npt.NDArray[np.float32], room: _Room, rng: Generator
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
        """Numbers of `num_points` points, and the middle of their block."""
        by_x = np.argsort(points[:, 0], kind="stable")
        x = points[by_x, 0].astype(np.float64)
        for x_start in self._starts(room, 0):
            x_end = x_start + self.block_size
            first = np.searchsorted(x, x_start - _MARGIN, "left")
            strip = np.sort(by_x[first : np.searchsorted(x, x_end + _MARGIN, "right")])
            y = points[strip, 1].astype(np.float64)
            for y_start in self._starts(room, 1):
                y_end = y_start + self.block_size
                rows = strip[(y >= y_start - _MARGIN) & (y <= y_end + _MARGIN)]
                if not len(rows):
                    continue
                missing = -len(rows) % self.num_points
                repeated = rng.choice(rows, missing, replace=missing > len(rows))
                rows = rng.permutation(np.concatenate([rows, repeated]))
                center = np.array([(x_start + x_end) / 2, (y_start + y_end) / 2])
                for chunk in rows.reshape(-1, self.num_points):
                    yield chunk, center

    def _starts(self, room: _Room, axis: int) -> list[float]:
        """Lower edges of the blocks along an axis."""
        low, high = float(room.low[axis]), float(room.high[axis])
        steps = max(0, int(np.ceil((high - low - self.block_size) / self.stride)))
        return [min(low + k * self.stride, high - self.block_size) for k in range(steps + 1)]

    def _inputs(
        self, points: _Points, colors: npt.NDArray[Any], places: _Points
    ) -> tuple[Tensor, Tensor]:
        """Points [n, 3] and features [n, 6 or 3] of a block."""
        features = [colors.astype(np.float32) / 255, places] if self.colors else [places]
        return torch.from_numpy(points), torch.from_numpy(np.concatenate(features, 1))


@dataclass(frozen=True, eq=False)
class _Room:
    """The lowest and highest coordinates of a room: float64 [3], metres."""

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]

    @classmethod
    def of(cls, points: npt.NDArray[np.float32]) -> _Room:
        return cls(points.min(0).astype(np.float64), points.max(0).astype(np.float64))

    def coordinates(
        self, points: npt.NDArray[np.float32], center: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float32]:
        """Of points: x and y from the middle of a block, z from the lowest point."""
        return (points - [center[0], center[1], self.low[2]]).astype(np.float32)

    def places(self, points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """From 0 to 1; 0 along an axis that the room has no extent along."""
        size = self.high - self.low
        return ((points - self.low) / np.where(size > 0, size, 1)).astype(np.float32)
