# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from training.points.neighbours import (
    farthest_points,
    farthest_points_by_torch,
    nearest_neighbours,
    nearest_neighbours_by_torch,
)


def clouds() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    random = torch.rand(2, 150, 3, generator=generator)
    repeated = random.clone()
    repeated[:, 70:140] = random[:, :70]
    axis = torch.arange(5.0)
    lattice = torch.cartesian_prod(axis, axis, axis)[None]
    return {
        "random": random,
        "repeated points": repeated,
        "lattice with ties": lattice[:, torch.randperm(125, generator=generator)],
        "one place": torch.full((1, 40, 3), 0.7),
        "far from the origin": random + 100,
    }


CLOUDS = clouds()


def squared(a: np.ndarray, b: np.ndarray) -> np.float32:
    x, y, z = (np.float32(p) - np.float32(q) for p, q in zip(a, b, strict=True))
    return (x * x + y * y) + z * z


def slow_farthest(points: np.ndarray, count: int) -> list[int]:
    chosen = [0]
    while len(chosen) < count:
        nearest = [min(squared(p, points[c]) for c in chosen) for p in points]
        chosen.append(nearest.index(max(nearest)))
    return chosen


@pytest.mark.parametrize("name", CLOUDS)
def test_farthest_points_are_those_of_a_slow_search_that_takes_the_first_of_equals(name):
    for block in CLOUDS[name]:
        found = farthest_points(block[None], 12)
        assert found.dtype == torch.int64 and found.shape == (1, 12)
        assert found[0].tolist() == slow_farthest(block.numpy(), 12)


@pytest.mark.parametrize("name", CLOUDS)
def test_nearest_neighbours_are_those_of_a_stable_sort(name):
    points = CLOUDS[name]
    queries = torch.cat([points[:, ::9], points[:, ::11] + 0.013], 1)
    numbers, distances = nearest_neighbours(points, queries, 32)
    for block, wanted, found, found_squared in zip(
        points.numpy(), queries.numpy(), numbers, distances, strict=True
    ):
        for query, row, row_squared in zip(wanted, found, found_squared, strict=True):
            every = np.array([squared(point, query) for point in block])
            order = np.argsort(every, kind="stable")[:32]
            assert row.tolist() == order.tolist()
            assert np.array_equal(row_squared.numpy(), every[order])


def test_nearest_distances_are_those_of_a_kd_tree():
    points = torch.rand(1, 3000, 3, generator=torch.Generator().manual_seed(1))
    queries = torch.rand(1, 200, 3, generator=torch.Generator().manual_seed(2))
    _, distances = nearest_neighbours(points, queries, 32)
    expected, _ = cKDTree(points[0].numpy()).query(queries[0].numpy(), 32)
    assert np.allclose(distances[0].sqrt().numpy(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", CLOUDS)
def test_the_operations_of_other_devices_find_the_same(name):
    points = CLOUDS[name]
    assert torch.equal(farthest_points(points, 64), farthest_points_by_torch(points, 64))
    ours, others = (
        function(points, points[:, :33], 20)
        for function in (nearest_neighbours, nearest_neighbours_by_torch)
    )
    assert torch.equal(ours[0], others[0])
    assert torch.equal(ours[1], others[1])


def test_the_operations_of_other_devices_go_on_after_each_portion(monkeypatch):
    points = CLOUDS["random"]
    whole = nearest_neighbours_by_torch(points, points, 5)
    monkeypatch.setattr("training.points.neighbours._DISTANCES", 2 * 150 * 7)
    for one, other in zip(whole, nearest_neighbours_by_torch(points, points, 5), strict=True):
        assert torch.equal(one, other)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", CLOUDS)
def test_a_cuda_device_finds_the_same_as_the_cpu(name):
    points = CLOUDS[name]
    assert torch.equal(farthest_points(points.cuda(), 64).cpu(), farthest_points(points, 64))
    found = nearest_neighbours(points.cuda(), points.cuda(), 20)
    for one, other in zip(found, nearest_neighbours(points, points, 20), strict=True):
        assert torch.equal(one.cpu(), other)


def test_more_farthest_points_than_there_are_repeat_the_first():
    points = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [3, 0, 0]]])
    assert farthest_points(points, 6).tolist() == [[0, 2, 1, 0, 0, 0]]
    assert farthest_points_by_torch(points, 6).tolist() == [[0, 2, 1, 0, 0, 0]]


def test_more_neighbours_than_points_are_refused():
    with pytest.raises(ValueError, match=r"32 nearest points .* in a block of 31"):
        nearest_neighbours(torch.rand(1, 31, 3), torch.rand(1, 4, 3), 32)


def test_points_that_are_not_next_to_each_other_in_memory_are_taken():
    points = torch.rand(2, 50, 6, generator=torch.Generator().manual_seed(3))[..., ::2]
    assert torch.equal(farthest_points(points, 9), farthest_points(points.contiguous(), 9))
    one, other = (nearest_neighbours(p, p, 4)[0] for p in (points, points.contiguous()))
    assert torch.equal(one, other)


def test_points_that_need_gradients_are_taken_and_get_none():
    points = torch.rand(1, 50, 3, requires_grad=True)
    assert not nearest_neighbours(points, points, 4)[1].requires_grad
    assert farthest_points(points, 4).shape == (1, 4)
