# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.points.sparse.engines import open_pyramid
from training.points.sparse.packed_voxels import pack, round_down, unpack
from training.points.sparse.voxel_pyramid import LARGEST_COORDINATE, LARGEST_SCENE, kernel_offsets

AXIS = st.integers(-3, 3) | st.sampled_from([-LARGEST_COORDINATE, LARGEST_COORDINATE])
VOXELS = st.lists(
    st.tuples(st.integers(0, 2) | st.just(LARGEST_SCENE), AXIS, AXIS, AXIS),
    min_size=1,
    max_size=40,
    unique=True,
).map(lambda rows: torch.tensor(rows, dtype=torch.int32))


def brute_force(inputs, outputs, kernel_size, step):
    row = {tuple(voxel): k for k, voxel in enumerate(inputs.tolist())}
    offsets = (kernel_offsets(kernel_size) * step).tolist()
    return [
        [
            row.get((scene, x + dx, y + dy, z + dz), len(inputs))
            for scene, x, y, z in outputs.tolist()
        ]
        for dx, dy, dz in offsets
    ]


@settings(max_examples=60, deadline=None)
@given(VOXELS, st.sampled_from([1, 2, 3, 4, 5]), st.sampled_from([1, 2, 4]), st.booleans())
def test_kernel_maps_equal_a_search_for_each_neighbour(voxels, kernel_size, stride, coarser):
    pyramid = open_pyramid(voxels)
    to_stride = 2 * stride if coarser else stride
    inputs, outputs = pyramid.coordinates(stride), pyramid.coordinates(to_stride)
    kernel_map = pyramid._map(kernel_size, stride, to_stride)
    expected = brute_force(inputs, outputs, kernel_size, stride)
    assert kernel_map.neighbours.tolist() == expected
    assert kernel_map.inputs == len(inputs)


@settings(max_examples=30, deadline=None)
@given(VOXELS, st.sampled_from([2, 3]))
def test_transposed_maps_hold_the_same_pairs_exchanged(voxels, kernel_size):
    pyramid = open_pyramid(voxels)

    def pairs(kernel_map):
        there = kernel_map.neighbours < kernel_map.inputs
        offset, output = torch.nonzero(there, as_tuple=True)
        found = kernel_map.neighbours[offset, output]
        return list(zip(offset.tolist(), found.tolist(), output.tolist(), strict=True))

    down, up = pyramid._map(kernel_size, 1, 2), pyramid._map(kernel_size, 2, 1)
    assert sorted((k, o, i) for k, i, o in pairs(up)) == sorted(pairs(down))


@settings(max_examples=30, deadline=None)
@given(VOXELS, st.sampled_from([3, 5]))
def test_symmetric_maps_are_their_own_transposed_with_offsets_reversed(voxels, kernel_size):
    kernel_map = open_pyramid(voxels)._map(kernel_size, 1, 1)
    assert kernel_map.symmetric
    assert torch.equal(kernel_map.transposed.neighbours, kernel_map.neighbours.flip(0))


@given(VOXELS, st.sampled_from([1, 2, 16]))
def test_keys_hold_voxels_in_their_order_and_round_towards_minus_infinity(voxels, stride):
    assert torch.equal(unpack(pack(voxels)), voxels)
    assert torch.argsort(pack(voxels)).tolist() == sorted(
        range(len(voxels)), key=lambda k: voxels[k].tolist()
    )
    floor = torch.div(voxels[:, 1:], stride, rounding_mode="floor") * stride
    assert torch.equal(unpack(round_down(pack(voxels), stride))[:, 1:], floor)
