# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from training.points.sparse.engines import open_pyramid
from training.points.sparse.plain_convolution import gather_multiply_sum
from training.points.sparse.row_chunks import divide_rows

OPERATIONS = [(3, 1, 1), (2, 1, 2), (3, 1, 2), (2, 2, 1)]


def run_step(coordinates, operation, channels=(7, 9), device="cpu", dtype=torch.float32):
    """Output and both gradients of a convolution."""
    draw = torch.Generator().manual_seed(0)
    pyramid = open_pyramid(coordinates.to(device))
    count = len(pyramid.coordinates(operation[1]))
    features = torch.randn(count, channels[0], generator=draw).to(device, dtype)
    kernel = torch.randn(operation[0] ** 3, *channels, generator=draw).to(device)
    features.requires_grad_(), kernel.requires_grad_()
    output = pyramid.convolve(features, kernel, *operation)
    output.float().square().sum().backward()
    return output, features.grad, kernel.grad


@pytest.mark.parametrize("operation", OPERATIONS)
def test_gradients_are_right_in_float64(masked_grid, operation):
    pyramid = open_pyramid(masked_grid[:60])
    count = len(pyramid.coordinates(operation[1]))
    features = torch.randn(count, 3, dtype=torch.float64, requires_grad=True)
    kernel = torch.randn(operation[0] ** 3, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda f, k: pyramid.convolve(f, k, *operation), (features, kernel)
    )


@pytest.mark.parametrize("chunk_rows", [1, 7, 64, 10_000])
def test_chunks_of_any_size_give_the_sum_over_neighbours(masked_grid, chunk_rows):
    pyramid = open_pyramid(masked_grid)
    kernel_map = pyramid._map(3, 1, 1)
    features = torch.randn(len(masked_grid), 4, dtype=torch.float64)
    kernel = torch.randn(27, 4, 6, dtype=torch.float64)
    chunks = divide_rows(kernel_map.neighbours, kernel_map.inputs, chunk_rows)
    padded = torch.cat([features, torch.zeros(1, 4, dtype=torch.float64)])
    expected = torch.einsum("kmc,kcd->md", padded[kernel_map.neighbours.long()], kernel)
    torch.testing.assert_close(gather_multiply_sum(features, kernel, chunks), expected)


def test_rows_without_any_neighbour_are_zero():
    neighbours = torch.tensor([[2, 2, 2, 2, 1], [2, 2, 2, 0, 2]], dtype=torch.int32)
    chunks = divide_rows(neighbours, 2, 2)
    kernel = torch.ones(2, 3, 1)
    output = gather_multiply_sum(torch.tensor([[1.0] * 3, [2.0] * 3]), kernel, chunks)
    assert output.squeeze(1).tolist() == [0, 0, 0, 3, 6]


@pytest.fixture
def three_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_two_runs_give_the_same_bits(three_threads, room, operation):
    first, second = run_step(room, operation), run_step(room, operation)
    assert torch.get_num_threads() == 3
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)


def test_threads_change_nothing_but_the_order_of_a_sum(three_threads, room):
    several = run_step(room, (3, 1, 1))
    torch.set_num_threads(1)
    one = run_step(room, (3, 1, 1))
    torch.testing.assert_close(several, one, rtol=1e-4, atol=1e-2)


def test_it_runs_in_inference_mode(three_threads, room):
    kernel = torch.ones(27, 2, 2)
    with torch.inference_mode():
        result = open_pyramid(room).convolve(torch.ones(len(room), 2), kernel, 3, 1, 1)
    assert float(result.min()) >= 2


def compare_autocast(coordinates, operation, device, dtype):
    exact = run_step(coordinates, operation, (16, 24), device)
    with torch.autocast(device.type, dtype):
        output, by_features, by_kernel = run_step(coordinates, operation, (16, 24), device)
    assert output.dtype == dtype
    assert by_features.dtype == by_kernel.dtype == torch.float32
    for near, reference in zip((output, by_features, by_kernel), exact, strict=True):
        error = (near.float() - reference).norm() / reference.norm()
        assert 0 < error < 0.01


@pytest.mark.parametrize("operation", OPERATIONS)
def test_under_autocast_it_computes_in_bf16_and_keeps_the_gradients_types(masked_grid, operation):
    compare_autocast(masked_grid, operation, torch.device("cpu"), torch.bfloat16)


@pytest.mark.cuda
@pytest.mark.parametrize("operation", OPERATIONS)
def test_under_autocast_on_cuda_it_computes_in_fp16(cuda, masked_grid, operation):
    compare_autocast(masked_grid, operation, cuda, torch.float16)


def test_features_of_half_precision_get_gradients_of_half_precision(masked_grid):
    with torch.autocast("cpu", torch.bfloat16):
        gradients = run_step(masked_grid, (3, 1, 1), dtype=torch.bfloat16)
    assert [g.dtype for g in gradients[1:]] == [torch.bfloat16, torch.float32]


def test_sums_of_many_terms_in_bf16_are_made_in_float32():
    # in bf16 a sum of ones stops at 256
    kernel_map = torch.zeros(1000, 1, dtype=torch.int32)
    chunks = divide_rows(kernel_map, 1)
    kernel = torch.ones(1000, 1, 1, dtype=torch.bfloat16)
    output = gather_multiply_sum(torch.ones(1, 1, dtype=torch.bfloat16), kernel, chunks)
    assert output.item() == 1000


def test_without_gradient_of_the_features_that_of_the_kernel_is_the_same(masked_grid):
    pyramid = open_pyramid(masked_grid)
    features = torch.randn(len(masked_grid), 3)
    found = []
    for wanted in (False, True):
        kernel = torch.ones(27, 3, 4, requires_grad=True)
        given = features.clone().requires_grad_(wanted)
        pyramid.convolve(given, kernel, 3, 1, 1).square().sum().backward()
        found.append(kernel.grad)
    assert torch.equal(*found)
