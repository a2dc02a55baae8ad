# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The engine on MinkowskiEngine 0.5.4, where that is installed."""

from __future__ import annotations

import collections
import collections.abc
import functools
import warnings
from typing import Any

import torch
from torch import Tensor

from training.points.sparse.voxel_pyramid import (
    VoxelError,
    VoxelPyramid,
    check_stride,
    check_strides,
    check_voxels,
)

_NOT_INSTALLED = (
    "the engine 'minkowski' needs MinkowskiEngine, which is not installed here ({error}); "
    "`make minkowski` builds it into .venv-minkowski, and the engine 'plain' does without"
)


class MinkowskiPyramid(VoxelPyramid):
    """Voxels for convolution by MinkowskiEngine; it computes in float32 and float64 alone.

    Args:
        coordinates: int32 [n, 4], scene in the batch, x, y, z; each voxel once, in any order.

    Raises:
        VoxelError: if MinkowskiEngine is not installed, there is no voxel, one is out of range,
            one is there twice, or they are on a device that MinkowskiEngine was not built for.
    """

    def __init__(self, coordinates: Tensor) -> None:
        engine = load_minkowski_engine()
        from MinkowskiEngineBackend._C import ConvolutionMode

        check_voxels(coordinates)
        on_cuda = coordinates.device.type == "cuda"
        if on_cuda and not engine.is_cuda_available():
            raise VoxelError(
                "MinkowskiEngine was built for the CPU alone; use the engine 'plain' on CUDA"
            )
        kind = engine.CoordinateMapType.CUDA if on_cuda else engine.CoordinateMapType.CPU
        self._engine, self._mode = engine, ConvolutionMode.DEFAULT
        self._manager = engine.CoordinateManager(D=3, coordinate_map_type=kind)
        finest, (first, row) = self._manager.insert_and_map(
            coordinates.to(torch.int32).contiguous(), 1, ""
        )
        # where all are different the map of the first of each is empty, or goes through all
        if 0 < len(first) < len(coordinates):
            raise VoxelError("a voxel is there twice; voxels must be unique")
        self._keys = {1: finest}
        self._given = coordinates.to(torch.int32)
        # its hash map on CUDA has an order of its own; at stride 1 ours is the order given
        ordered = not len(first) or bool((first == torch.arange(len(first)).to(first)).all())
        self._order = None if ordered else (first.long(), row.long())

    def coordinates(self, stride: int) -> Tensor:  # noqa: D102
        if stride == 1:
            return self._given
        found: Tensor = self._manager.get_coordinates(self._key(stride))
        return found

    def convolve(  # noqa: D102
        self, features: Tensor, kernel: Tensor, kernel_size: int, from_stride: int, to_stride: int
    ) -> Tensor:
        check_strides(from_stride, to_stride)
        if kernel_size == 1 and from_stride == to_stride:
            return features @ kernel[0]
        with torch.autocast(features.device.type, enabled=False):
            features = features.to(kernel.dtype)
            if self._order is not None and from_stride == 1:
                features = features[self._order[0]]
            result = self._function(from_stride, to_stride).apply(
                features,
                kernel,
                self._region(kernel_size, 1 if from_stride == to_stride else 2),
                self._mode,
                self._key(from_stride),
                self._key(to_stride),
                self._manager,
            )
            if self._order is not None and to_stride == 1:
                result = result[self._order[1]]
        return result

    def _function(self, from_stride: int, to_stride: int) -> Any:
        if from_stride > to_stride:
            return self._engine.MinkowskiConvolutionTransposeFunction
        return self._engine.MinkowskiConvolutionFunction

    def _region(self, kernel_size: int, step: int) -> Any:
        return self._engine.KernelGenerator(
            kernel_size=kernel_size,
            stride=step,
            region_type=self._engine.RegionType.HYPER_CUBE,
            dimension=3,
        )

    def _key(self, stride: int) -> Any:
        check_stride(stride)
        if stride not in self._keys:
            self._keys[stride] = self._manager.stride(self._key(stride // 2), 2)
        return self._keys[stride]


@functools.cache
def load_minkowski_engine() -> Any:
    """The module MinkowskiEngine.

    Raises:
        VoxelError: if it is not installed; the message says how to get it.
    """
    # 0.5.4 imports a name that Python 3.10 has moved to collections.abc
    lent = not hasattr(collections, "Sequence")
    if lent:
        collections.Sequence = collections.abc.Sequence  # type: ignore[attr-defined]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # that it was built for the CPU, and on OpenMP's threads
            import MinkowskiEngine
    except ImportError as error:
        raise VoxelError(_NOT_INSTALLED.format(error=error)) from None
    finally:
        if lent:
            del collections.Sequence  # type: ignore[attr-defined]
    return MinkowskiEngine
