# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Grids of features against what networks do to bring features back to the image's size."""

from __future__ import annotations

import numpy as np
import pytest

from training.projection.feature_grid import PIXELS, FeatureGrid
from training.projection.splat import splat
from training.projection.visible_points import NO_POINT, VisiblePoints


def nearest_features(grid, length):
    """The feature that a point in the middle of each pixel goes to."""
    at = np.arange(length, dtype=np.float32)
    cells = [
        splat(VisiblePoints(at[k : k + 1], at[k : k + 1], np.uint32([0])), length, length, grid)
        for k in range(length)
    ]
    return [int(np.argwhere(c != NO_POINT)[0, 0]) if (c != NO_POINT).any() else None for c in cells]


def influential_features(count, length, align_corners):
    """The feature that has most weight in each pixel of the upsampled map; None between two."""
    torch = pytest.importorskip("torch")
    one_hot = torch.eye(count)[:, None, :, None].expand(count, 1, count, count).contiguous()
    weights = torch.nn.functional.interpolate(
        one_hot, size=(length, length), mode="bilinear", align_corners=align_corners
    )[:, 0, :, 0].numpy()
    highest = weights.max(0)
    alone = (np.isclose(weights, highest)).sum(0) == 1
    return [int(k) if ok else None for k, ok in zip(weights.argmax(0), alone, strict=True)]


@pytest.mark.parametrize(
    ("grid", "length", "align_corners"),
    [
        (FeatureGrid.aligned_corners(8), 65, True),
        (FeatureGrid.aligned_corners(4), 65, True),
        (FeatureGrid.from_edges(8), 64, False),
        (FeatureGrid.from_edges(4), 64, False),
    ],
)
def test_a_point_goes_to_the_feature_that_has_most_weight_in_its_pixel(grid, length, align_corners):
    count = grid.shape(length, length)[0]
    wanted = influential_features(count, length, align_corners)
    found = nearest_features(grid, length)
    assert sum(feature is not None for feature in wanted) > 0.7 * length
    assert [f for f, w in zip(found, wanted, strict=True) if w is not None] == [
        w for w in wanted if w is not None
    ]


def test_the_features_of_our_networks_are_a_grid_from_the_edges():
    torch = pytest.importorskip("torch")
    from seg3d2d_ros.networks.parsing_graph import ParsingGraph
    from seg3d2d_ros.networks.registry import build_network

    network = build_network("efficientnet_lite_fpn", {}, num_classes=2)
    graph = ParsingGraph(network, (0, 0, 0), (1, 1, 1), 1.0)
    grid = FeatureGrid.from_edges(graph.stride)
    for feature in (1, 4, 6):
        # the second class wins from this feature's centre on
        rising = torch.arange(8.0).expand(1, 1, 8, 8) - feature
        labels = graph.labels(torch.cat([torch.zeros_like(rising), rising], 1))[0, 0]
        centre = grid.first_centre + grid.stride * feature
        assert int(labels.argmax()) == int(np.floor(centre)) + 1


def test_aligned_corners_need_a_side_of_a_multiple_and_one_more():
    assert FeatureGrid.aligned_corners(8).shape(473, 473) == (60, 60)
    assert FeatureGrid.aligned_corners(4).shape(473, 473) == (119, 119)
    for height, width in ((480, 473), (473, 480)):
        with pytest.raises(ValueError, match=f"8 and 1 more pixels, not {width}x{height}"):
            FeatureGrid.aligned_corners(8).shape(height, width)


def test_sides_are_rounded_up():
    assert FeatureGrid.from_edges(8).shape(968, 1297) == (121, 163)
    assert PIXELS.shape(7, 9) == (7, 9)
