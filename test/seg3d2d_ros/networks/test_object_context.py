# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Object-contextual representations against their equations, position by position."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.networks.object_context import ObjectContext  # noqa: E402


def transform(layers, vector):
    """1x1 convolution, batch norm and ReLU on the vector of one position."""
    for k in range(0, len(layers), 3):
        conv, norm = layers[k], layers[k + 1]
        vector = conv.weight[:, :, 0, 0] @ vector
        vector = (vector - norm.running_mean) / torch.sqrt(norm.running_var + norm.eps)
        vector = torch.relu(vector * norm.weight + norm.bias)
    return vector


def test_it_computes_the_papers_equations():
    torch.manual_seed(2)
    context = ObjectContext(6, keys=4).eval()
    for module in context.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    features, regions = torch.randn(2, 6, 3, 4), torch.randn(2, 5, 3, 4)
    expected = torch.empty(2, 6, 3, 4)
    with torch.no_grad():
        for image in range(2):
            pixels = [features[image, :, i, j] for i in range(3) for j in range(4)]
            # f_k: every pixel's feature, by how much it belongs to region k among all pixels
            represented = []
            for k in range(5):
                belonging = regions[image, k].flatten().exp()
                belonging = belonging / belonging.sum()
                represented.append(sum(m * x for m, x in zip(belonging, pixels, strict=True)))
            for number, x in enumerate(pixels):
                # w_ik from kappa = phi(x)' psi(f), scaled by the root of the keys' width
                kappa = [
                    transform(context.of_position, x) @ transform(context.of_region, f) / 4**0.5
                    for f in represented
                ]
                weights = torch.stack(kappa).exp()
                weights = weights / weights.sum()
                values = [transform(context.content, f) for f in represented]
                y = sum(w * v for w, v in zip(weights, values, strict=True))
                y = transform(context.widen, y)
                z = transform(context.join[:3], torch.cat([y, x]))
                expected[image, :, number // 4, number % 4] = z
        torch.testing.assert_close(context(features, regions), expected, rtol=1e-4, atol=1e-5)
