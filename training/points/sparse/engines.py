# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The engines of sparse convolution by name."""

from __future__ import annotations

from torch import Tensor

from training.points.sparse.voxel_pyramid import VoxelError, VoxelPyramid

ENGINES = ("plain", "minkowski")


def open_pyramid(coordinates: Tensor, engine: str = "plain") -> VoxelPyramid:
    """Make voxels ready for convolution.

    Args:
        coordinates: int32 [n, 4], scene in the batch, x, y, z; each voxel once.
        engine: ``plain``, plain PyTorch on any device, or ``minkowski``, MinkowskiEngine.

    Raises:
        VoxelError: if the engine is unknown or not installed, there is no voxel, one is out of
            range, or one is there twice.
    """
    if engine == "plain":
        from training.points.sparse.plain_pyramid import PlainPyramid

        return PlainPyramid(coordinates)
    if engine == "minkowski":
        from training.points.sparse.minkowski_pyramid import MinkowskiPyramid

        return MinkowskiPyramid(coordinates)
    raise VoxelError(f"there is no engine '{engine}'; there are {', '.join(ENGINES)}")
