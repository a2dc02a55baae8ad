# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Pyramid pooling by matrices against PyTorch's pooling and interpolation."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from seg3d2d_ros.networks.pyramid_pooling import BINS, PyramidPooling  # noqa: E402


@pytest.mark.parametrize(
    "size", [(60, 60), (7, 11), (13, 6), (5, 2), (1, 1), (1, 9), (48, 96), (90, 119)]
)
def test_it_is_adaptive_pooling_and_interpolation_at_every_size(size):
    torch.manual_seed(1)
    pooling = PyramidPooling(8, 3).eval()
    for norm in (reduce[1] for reduce in pooling.reduce):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    features = torch.randn(2, 8, *size)
    parts = [features]
    for bins, reduce in zip(BINS, pooling.reduce, strict=True):
        pooled = reduce(F.adaptive_avg_pool2d(features, bins))
        parts.append(F.interpolate(pooled, size, mode="bilinear", align_corners=True))
    with torch.inference_mode():
        ours = pooling(features)
    assert pooling.out_channels == ours.shape[1] == 8 + 4 * 3
    torch.testing.assert_close(ours, torch.cat(parts, 1), rtol=1e-5, atol=1e-5)


def test_bins_of_a_users_choice():
    features = torch.randn(1, 4, 9, 10)
    with torch.inference_mode():
        ours = PyramidPooling(4, 2, bins=(5,)).eval()(features)
    assert ours.shape == (1, 6, 9, 10)


def test_half_precision_stays_what_it_is():
    pooling = PyramidPooling(8, 3).eval().to(torch.bfloat16)
    with torch.inference_mode():
        assert pooling(torch.randn(1, 8, 9, 7).bfloat16()).dtype == torch.bfloat16
