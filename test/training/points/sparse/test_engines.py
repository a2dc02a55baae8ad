# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import collections
import sys

import pytest
import torch

from training.points.sparse import minkowski_pyramid
from training.points.sparse.engines import open_pyramid
from training.points.sparse.voxel_pyramid import VoxelError

ONE = torch.zeros(1, 4).int()


def test_an_unknown_engine_is_named_with_those_that_exist():
    with pytest.raises(VoxelError, match="no engine 'spconv'; there are plain, minkowski"):
        open_pyramid(ONE, "spconv")


def test_where_minkowski_engine_is_missing_the_message_says_how_to_get_it(monkeypatch):
    minkowski_pyramid.load_minkowski_engine.cache_clear()
    monkeypatch.setitem(sys.modules, "MinkowskiEngine", None)  # import then raises ImportError
    with pytest.raises(VoxelError, match="`make minkowski` builds it") as caught:
        open_pyramid(ONE, "minkowski")
    assert "\n" not in str(caught.value)
    minkowski_pyramid.load_minkowski_engine.cache_clear()


def test_loading_minkowski_engine_leaves_the_standard_library_as_it_was(minkowski):
    assert not hasattr(collections, "Sequence")


def test_minkowski_engine_of_the_cpu_refuses_cuda(cuda, minkowski):
    if minkowski_pyramid.load_minkowski_engine().is_cuda_available():
        pytest.skip("MinkowskiEngine was built with CUDA")
    with pytest.raises(VoxelError, match="built for the CPU alone"):
        open_pyramid(ONE.to(cuda), minkowski)
