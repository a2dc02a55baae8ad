# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Both engines against dense convolution."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from training.points.sparse.engines import open_pyramid

# kernel size, stride of the input, stride of the output
OPERATIONS = [
    (1, 1, 1),
    (3, 1, 1),
    (5, 1, 1),
    (3, 2, 2),
    (2, 1, 2),
    (3, 1, 2),
    (2, 2, 4),
    (2, 2, 1),
    (3, 2, 1),
    (2, 4, 2),
]
CORNER = 8
"""Voxels between 0 and the corner of the dense grid, a multiple of every stride."""


@pytest.fixture(params=["filled_grid", "masked_grid"])
def voxels(request):
    return request.getfixturevalue(request.param)


def dense_convolution(grid, kernel, size, from_stride, to_stride):
    """[scene, c_in, x, y, z] to [scene, c_out, x, y, z]; weights are in the order z, y, x."""
    weight = kernel.view(size, size, size, *kernel.shape[1:]).permute(4, 3, 2, 1, 0)
    padding = size // 2 if size % 2 else 0
    if from_stride > to_stride:
        return F.conv_transpose3d(
            grid, weight.transpose(0, 1), stride=2, padding=padding, output_padding=size % 2
        )
    return F.conv3d(grid, weight, stride=to_stride // from_stride, padding=padding)


def cells(coordinates, stride):
    """Where voxels are in a dense grid of their stride: four indices."""
    scene, *position = coordinates.long().unbind(1)
    return scene, *((along + CORNER) // stride for along in position)


def compare_to_dense(
    coordinates, engine, operation, channels, dtype=torch.float32, tolerance=1e-4, device="cpu"
):
    size, from_stride, to_stride = operation
    draw = torch.Generator().manual_seed(2)
    pyramid = open_pyramid(coordinates.to(device), engine)
    inputs, outputs = (pyramid.coordinates(s).cpu() for s in (from_stride, to_stride))
    features = torch.randn(len(inputs), channels[0], generator=draw, dtype=dtype)
    kernel = torch.randn(size**3, *channels, generator=draw, dtype=dtype)
    kernel = kernel / (size**3 * channels[0]) ** 0.5
    weights_of_loss = torch.randn(len(outputs), channels[1], generator=draw, dtype=dtype)

    sparse = [t.clone().to(device).requires_grad_() for t in (features, kernel)]
    result = pyramid.convolve(*sparse, *operation)
    (result * weights_of_loss.to(device)).sum().backward()

    dense = [features.requires_grad_(), kernel.requires_grad_()]
    scenes = int(coordinates[:, 0].max()) + 1
    grid = torch.zeros(scenes, *[2 * CORNER // from_stride] * 3, channels[0], dtype=dtype)
    grid = grid.index_put(cells(inputs, from_stride), dense[0]).permute(0, 4, 1, 2, 3)
    expected = dense_convolution(grid, dense[1], *operation).permute(0, 2, 3, 4, 1)
    expected = expected[cells(outputs, to_stride)]
    (expected * weights_of_loss).sum().backward()

    assert result.dtype == dtype
    torch.testing.assert_close(result.cpu(), expected, atol=tolerance, rtol=0)
    for mine, reference in zip(sparse, dense, strict=True):
        close = {"atol": tolerance * float(reference.grad.abs().max()), "rtol": 0}
        torch.testing.assert_close(mine.grad.cpu(), reference.grad, **close)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: f"k{o[0]}-from{o[1]}-to{o[2]}")
def test_convolution_and_its_gradients_equal_dense_convolution(voxels, engine, operation):
    compare_to_dense(voxels, engine, operation, (3, 5), tolerance=1e-5)


@pytest.mark.parametrize("channels", [(32, 32), (96, 128), (128, 24), (24, 256)])
@pytest.mark.parametrize("operation", [(3, 1, 1), (2, 1, 2), (2, 2, 1)])
def test_it_equals_dense_convolution_at_every_width(masked_grid, engine, operation, channels):
    compare_to_dense(masked_grid, engine, operation, channels)


@pytest.mark.cuda
@pytest.mark.parametrize("channels", [(3, 5), (32, 32), (96, 128)])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: f"k{o[0]}-from{o[1]}-to{o[2]}")
def test_on_cuda_it_equals_dense_convolution(cuda, masked_grid, operation, channels):
    compare_to_dense(masked_grid, "plain", operation, channels, device=cuda)


def test_one_voxel_meets_the_middle_of_the_kernel_alone(engine):
    pyramid = open_pyramid(torch.tensor([[0, -7, 3, 9]]).int(), engine)
    kernel = torch.randn(27, 4, 6)
    features = torch.randn(1, 4)
    result = pyramid.convolve(features, kernel, 3, 1, 1)
    torch.testing.assert_close(result, features @ kernel[13])


def test_the_first_weight_is_of_the_least_x_y_and_z_and_x_changes_fastest(engine):
    pyramid = open_pyramid(torch.tensor([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]).int(), engine)
    kernel = torch.arange(27.0).view(27, 1, 1)
    features = torch.tensor([[1.0], [100.0], [10000.0]])
    result = pyramid.convolve(features, kernel, 3, 1, 1)
    # the first voxel meets itself (13), the one at x + 1 (14), the one at y + 1 (16)
    assert result[0].item() == 13 + 14 * 100 + 16 * 10000


def test_scenes_of_a_batch_do_not_touch(engine):
    both = open_pyramid(torch.tensor([[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 1]]).int(), engine)
    result = both.convolve(torch.ones(3, 1), torch.ones(27, 1, 1), 3, 1, 1)
    assert result.tolist() == [[1], [2], [2]]


def test_scenes_convolve_in_a_batch_as_they_do_alone(engine, masked_grid):
    kernel = torch.randn(27, 4, 4, generator=torch.Generator().manual_seed(0))
    features = torch.randn(len(masked_grid), 4, generator=torch.Generator().manual_seed(1))
    together = open_pyramid(masked_grid, engine).convolve(features, kernel, 3, 1, 1)
    for scene in (0, 1):
        rows = masked_grid[:, 0] == scene
        alone = open_pyramid(masked_grid[rows], engine)
        result = alone.convolve(features[rows], kernel, 3, 1, 1)
        torch.testing.assert_close(result, together[rows], atol=1e-5, rtol=0)
