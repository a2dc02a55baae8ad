# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""From feature maps to pixels."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from seg3d2d_ros.networks.upsampling import upsample  # noqa: E402


@pytest.mark.parametrize("size", [(473, 473), (97, 33), (9, 1), (1, 1)])
def test_images_of_a_multiple_and_one_more_pixels_have_a_feature_at_every_corner(size):
    maps = torch.randn(2, 3, *((side - 1) // 8 + 1 for side in size))
    expected = F.interpolate(maps, size, mode="bilinear", align_corners=True)
    ours = upsample(maps, 8, True, *size)
    assert torch.equal(ours, expected)
    assert torch.equal(ours[..., ::8, ::8], maps) or torch.allclose(
        ours[..., ::8, ::8], maps, atol=1e-5
    )


@pytest.mark.parametrize(("rows", "columns"), [(12, 16), (1, 5), (60, 60)])
def test_pixels_beyond_the_last_feature_are_like_the_last_that_is_not(rows, columns):
    maps = torch.randn(1, 4, rows, columns)
    ours = upsample(maps, 8, True, 8 * rows, 8 * columns)
    assert ours.shape == (1, 4, 8 * rows, 8 * columns)
    inner = (8 * rows - 7, 8 * columns - 7)
    expected = F.interpolate(maps, inner, mode="bilinear", align_corners=True)
    assert torch.equal(ours[..., : inner[0], : inner[1]], expected)
    assert torch.equal(
        ours[..., inner[0] :, :], ours[..., inner[0] - 1 : inner[0], :].expand(1, 4, 7, -1)
    )
    assert torch.equal(
        ours[..., inner[1] :], ours[..., inner[1] - 1 : inner[1]].expand(-1, -1, -1, 7)
    )


def test_sizes_between_are_padded_likewise():
    maps = torch.randn(1, 2, 4, 4)
    whole = upsample(maps, 4, True, 16, 16)
    assert torch.equal(upsample(maps, 4, True, 14, 13), whole[..., :14, :13])


def test_without_aligned_corners_features_lie_in_the_middle_of_their_pixels():
    maps = torch.randn(1, 2, 6, 9)
    ours = upsample(maps, 4, False, 24, 36)
    expected = F.interpolate(maps, (24, 36), mode="bilinear", align_corners=False)
    torch.testing.assert_close(ours, expected)
