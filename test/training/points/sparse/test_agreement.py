# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The engines beside each other on a furnished room."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from training.points.networks.res16unet import Res16UNet
from training.points.sparse.engines import open_pyramid
from training.points.sparse.packed_voxels import pack


@pytest.mark.parametrize(
    "operation", [(1, 1, 1), (3, 1, 1), (5, 1, 1), (3, 2, 2), (2, 1, 2), (3, 1, 2), (2, 2, 1)]
)
def test_both_engines_agree_on_a_room(minkowski, room, operation):
    size, from_stride, to_stride = operation
    draw = torch.Generator().manual_seed(0)
    kernel = torch.randn(size**3, 16, 24, generator=draw) / (16 * size**3) ** 0.5
    found = []
    for engine in ("plain", minkowski):
        pyramid = open_pyramid(room, engine)
        # coarser voxels have an order of the engine's own
        orders = [pack(pyramid.coordinates(s)).argsort() for s in (from_stride, to_stride)]
        values = torch.randn(len(orders[0]), 16, generator=torch.Generator().manual_seed(1))
        features = torch.empty_like(values).index_copy_(0, orders[0], values).requires_grad_()
        weights = kernel.clone().requires_grad_()
        output = pyramid.convolve(features, weights, *operation)
        output.square().mean().backward()
        found.append((output[orders[1]], features.grad[orders[0]], weights.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_a_network_trains_alike_on_both_engines(minkowski, room):
    room = room[room[:, 1] < 40]
    features = torch.rand(len(room), 3, generator=torch.Generator().manual_seed(0)) - 0.5
    features = features.double()  # in float32 batch norm over few coarse voxels amplifies rounding
    labels = torch.randint(0, 5, (len(room),), generator=torch.Generator().manual_seed(0))
    found = []
    for engine in ("plain", minkowski):
        torch.manual_seed(0)
        network = Res16UNet("res16unet14a", 5, engine=engine).double()
        loss = F.cross_entropy(network(room, features).logits, labels)
        loss.backward()
        found.append((loss, network.final.kernel.grad, network.conv0p1s1.kernel.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-6)
