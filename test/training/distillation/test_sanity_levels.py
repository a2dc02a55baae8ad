# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What predictors that have learnt nothing reach."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.distillation.losses import projection_sum  # noqa: E402
from training.distillation.sanity_levels import sanity_levels  # noqa: E402
from training.points.features.array_file import PointFeaturesError  # noqa: E402


def test_levels_are_the_projection_losses_of_the_two_predictors():
    draw = torch.Generator().manual_seed(0)
    features = 2 + torch.randn(3, 5, 4, 6, generator=draw)
    covered = torch.rand(3, 4, 6, generator=draw) < 0.4
    features[~covered[:, None].expand_as(features)] = torch.nan
    mean = features.permute(0, 2, 3, 1)[covered].mean(0)
    predictors = (mean.view(1, -1, 1, 1).expand_as(features), torch.zeros_like(features))
    losses = [projection_sum(each, features, covered).mean for each in predictors]
    rows = features.permute(0, 2, 3, 1)[covered].double()
    levels = sanity_levels(rows.mean(0).numpy(), rows.var(0, correction=0).numpy())
    assert [levels.constant_mean, levels.zero] == pytest.approx(losses, rel=1e-5)


def test_levels_of_the_published_statistics_are_those_that_follow_from_the_paper(recordings):
    folder = recordings / "published_statistics"
    if not folder.is_dir():
        pytest.skip(f"no published statistics at {folder}")
    mean, variance = (
        np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("mean", "var")
    )
    levels = sanity_levels(mean, variance)
    assert round(levels.constant_mean, 2) == 48.14
    assert round(levels.zero, 2) == 77.39
    # with the loss weight of the paper
    assert round(0.03 * levels.constant_mean, 2) == 1.44
    assert round(0.03 * levels.zero, 2) == 2.32


def test_statistics_that_cannot_be_are_refused():
    with pytest.raises(PointFeaturesError, match="mean has 3 channels and their variance 2"):
        sanity_levels([1.0, 2.0, 3.0], [1.0, 1.0])
    for mean, variance in (([np.nan], [1.0]), ([0.0], [-1.0]), ([0.0], [np.inf])):
        with pytest.raises(PointFeaturesError, match="hold NaN, inf or a variance below 0"):
            sanity_levels(mean, variance)
