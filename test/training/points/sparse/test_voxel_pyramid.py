# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from training.points.sparse.engines import open_pyramid
from training.points.sparse.voxel_pyramid import (
    LARGEST_COORDINATE,
    LARGEST_SCENE,
    LARGEST_STRIDE,
    VoxelError,
    kernel_offsets,
)


def test_finest_voxels_keep_the_order_given(engine, masked_grid):
    pyramid = open_pyramid(masked_grid, engine)
    assert torch.equal(pyramid.coordinates(1), masked_grid)
    assert pyramid.coordinates(1).dtype == torch.int32


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_coarser_voxels_are_rounded_down_and_there_once(engine, masked_grid, stride):
    found = open_pyramid(masked_grid, engine).coordinates(stride)
    position = torch.div(masked_grid[:, 1:], stride, rounding_mode="floor") * stride
    expected = {tuple(row) for row in torch.cat([masked_grid[:, :1], position], 1).tolist()}
    assert len(found) == len(expected)
    assert {tuple(row) for row in found.tolist()} == expected
    assert found.dtype == torch.int32


def test_offsets_run_along_x_first_and_odd_kernels_are_centred():
    assert kernel_offsets(3)[:4].tolist() == [[-1, -1, -1], [0, -1, -1], [1, -1, -1], [-1, 0, -1]]
    assert kernel_offsets(2)[:3].tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert kernel_offsets(5)[62].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("coordinates", "words"),
    [
        (torch.zeros(0, 4).int(), "there are no voxels"),
        (torch.zeros(3, 3).int(), r"not torch.int32 \[3, 3\]"),
        (torch.zeros(4).int(), r"not torch.int32 \[4\]"),
        (torch.zeros(3, 4), "not torch.float32"),
        (torch.zeros(3, 4).bool(), "not torch.bool"),
        (torch.zeros(3, 4).short(), "not torch.int16"),
        (torch.tensor([[0, 1, 2, 3], [0, 3, 2, 1], [0, 1, 2, 3]]).int(), "there twice"),
        (torch.tensor([[0, 1, 2, LARGEST_COORDINATE + 1]]).int(), "coordinate is 32768, beyond"),
        (torch.tensor([[0, -LARGEST_COORDINATE - 1, 2, 3]]).int(), "coordinate is -32768, beyond"),
        (torch.tensor([[0, 1, -(2**31), 3]]).int(), "coordinate is -2147483648, beyond"),
        (torch.tensor([[0, 1, 2**40, 3]]), "coordinate is 1099511627776, beyond"),
        (torch.tensor([[-1, 1, 2, 3]]).int(), "scene -1 of its batch"),
        (torch.tensor([[LARGEST_SCENE + 1, 1, 2, 3]]).int(), "scene 4096 of its batch"),
    ],
)
def test_what_can_not_be_convolved_is_refused_in_one_sentence(engine, coordinates, words):
    with pytest.raises(VoxelError, match=words) as caught:
        open_pyramid(coordinates, engine)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("stride", [0, -2, 3, 2 * LARGEST_STRIDE])
def test_strides_that_voxels_can_not_have_are_refused(engine, masked_grid, stride):
    with pytest.raises(VoxelError, match=f"stride {stride};"):
        open_pyramid(masked_grid, engine).coordinates(stride)


@pytest.mark.parametrize("strides", [(1, 0), (1, 4), (4, 1)])
def test_convolution_to_other_strides_than_the_next_is_refused(engine, masked_grid, strides):
    pyramid = open_pyramid(masked_grid, engine)
    with pytest.raises(VoxelError, match=f"from stride {strides[0]} to {strides[1]}"):
        pyramid.convolve(torch.ones(len(masked_grid), 1), torch.ones(8, 1, 1), 2, *strides)


def test_voxels_may_be_64_bit_integers(engine, masked_grid):
    pyramid = open_pyramid(masked_grid.long(), engine)
    assert torch.equal(pyramid.coordinates(1), masked_grid)


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2, 16])
def test_voxels_at_the_edge_of_the_range_meet_none_at_the_other_edge(engine, stride, kernel_size):
    edges = torch.tensor([-LARGEST_COORDINATE, LARGEST_COORDINATE])
    scenes = torch.tensor([0, 1, LARGEST_SCENE])
    pyramid = open_pyramid(torch.cartesian_prod(scenes, edges, edges, edges).int(), engine)
    count = len(pyramid.coordinates(stride))
    kernel = torch.ones(kernel_size**3, 1, 1)
    result = pyramid.convolve(torch.ones(count, 1), kernel, kernel_size, stride, stride)
    assert count == 24
    assert result.tolist() == [[1]] * 24


def test_voxels_at_the_edge_meet_their_neighbours_inside(engine):
    edge = LARGEST_COORDINATE
    pyramid = open_pyramid(
        torch.tensor([[0, edge, edge, edge], [0, edge, edge - 1, edge]]).int(), engine
    )
    result = pyramid.convolve(torch.ones(2, 1), torch.ones(27, 1, 1), 3, 1, 1)
    assert result.tolist() == [[2], [2]]
