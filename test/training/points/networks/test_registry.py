# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Networks by name: settings that there are not."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from training.points.networks.point_network import PointNetworkError
from training.points.networks.registry import build_point_network, build_sampling, resolved_config


@pytest.mark.parametrize("build", [build_point_network, resolved_config])
def test_an_unknown_setting_is_named_with_those_that_there_are(build):
    with pytest.raises(PointNetworkError, match="'depth'; it has feature_channels, centroids$"):
        build("pointweb", {"depth": 3}, 4)
    with pytest.raises(PointNetworkError, match="'x'; it has in_channels, conv1_kernel_size, bn_"):
        build("res16unet14a", {"x": 3}, 4)


def test_an_unknown_setting_of_a_sampling_is_named_with_those_that_there_are():
    with pytest.raises(PointNetworkError, match="no setting 'voxel'; it has voxel_size, point_"):
        build_sampling("res16unet14a", {"voxel": 0.1})
