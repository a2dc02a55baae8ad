# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Voxels to convolve, and the engines that are here."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.points.sparse.engines import ENGINES
from training.points.sparse.minkowski_pyramid import load_minkowski_engine
from training.points.sparse.voxel_pyramid import VoxelError


@pytest.fixture(scope="session")
def minkowski():
    """MinkowskiEngine's name; skips where it is not installed."""
    try:
        load_minkowski_engine()
    except VoxelError as error:
        pytest.skip(f"{error}")
    return "minkowski"


@pytest.fixture(params=ENGINES)
def engine(request):
    """Each engine's name in turn."""
    return request.getfixturevalue("minkowski") if request.param == "minkowski" else request.param


@pytest.fixture(scope="session")
def cuda():
    """A CUDA device; skips where there is none."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return torch.device("cuda", 0)


@pytest.fixture(scope="session")
def filled_grid():
    """Each voxel of a cube of 8, at negative coordinates too, in no order: int32 [512, 4]."""
    return shuffled(torch.cartesian_prod(torch.zeros(1).int(), *[torch.arange(-4, 4).int()] * 3))


@pytest.fixture(scope="session")
def masked_grid():
    """Two thirds and two fifths of the voxels of two scenes, in no order: int32 [n, 4]."""
    draw = torch.Generator().manual_seed(1)
    scenes = []
    for scene, part in enumerate((0.67, 0.4)):
        grid = torch.cartesian_prod(torch.tensor([scene]), *[torch.arange(-5, 6)] * 3).int()
        scenes.append(grid[torch.rand(len(grid), generator=draw) < part])
    return shuffled(torch.cat(scenes))


@pytest.fixture(scope="session")
def room():
    """Voxels of 5 cm of a furnished room as it is scanned, int32 [n, 4]."""
    pytest.importorskip("open3d", reason="rooms are scanned with Open3D")
    from training.rendering.layout import furnish
    from training.rendering.scan import scan_room

    mesh = scan_room(
        furnish("living_room", None, np.random.default_rng(3)), np.random.default_rng(0)
    )
    voxels = np.unique(np.floor(mesh.vertices / 0.05).astype(np.int32), axis=0)
    return torch.from_numpy(np.pad(voxels, ((0, 0), (1, 0))))


def shuffled(coordinates):
    draw = torch.Generator().manual_seed(0)
    return coordinates[torch.randperm(len(coordinates), generator=draw)]
