# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch

from training.distillation.ssim import masked_ssim


def maps(seed, shape=(30, 41)):
    generator = torch.Generator().manual_seed(seed)
    smooth = torch.nn.functional.interpolate(
        torch.rand((1, 1, 5, 6), generator=generator), shape, mode="bicubic"
    )[0, 0]
    truth = 1 + 6 * smooth
    return truth + 0.3 * torch.randn(shape, generator=generator), truth


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_without_gaps_it_is_that_of_torchmetrics(torchmetrics, seed):
    predicted, truth = maps(seed)
    _, everywhere = torchmetrics.functional.image.structural_similarity_index_measure(
        predicted[None, None].double(),
        truth[None, None].double(),
        data_range=10.0,
        return_full_image=True,
    )
    expected = everywhere[..., 5:-5, 5:-5].mean()  # where no window reaches over the border
    found = masked_ssim(predicted, truth, torch.ones_like(truth, dtype=torch.bool), 10.0)
    assert found == pytest.approx(float(expected), abs=1e-9)
    assert 0.05 < found < 0.99


def slow_ssim(predicted, truth, measured, data_range):
    offsets = np.arange(11) - 5
    gaussian = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    gaussian /= gaussian.sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    values = []
    for row in range(5, truth.shape[0] - 5):
        for column in range(5, truth.shape[1] - 5):
            part = np.s_[row - 5 : row + 6, column - 5 : column + 6]
            weight = gaussian * measured[part]
            if not measured[row, column] or weight.sum() < 0.5:
                continue
            weight = weight / weight.sum()
            x, y = predicted[part], truth[part]
            mx, my = (weight * x).sum(), (weight * y).sum()
            vx, vy = (weight * (x - mx) ** 2).sum(), (weight * (y - my) ** 2).sum()
            cov = (weight * (x - mx) * (y - my)).sum()
            values.append(
                (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
            )
    return np.mean(values)


def test_gaps_play_no_part():
    predicted, truth = maps(3)
    measured = torch.rand(truth.shape, generator=torch.Generator().manual_seed(4)) > 0.3
    measured[10:20, 10:22] = False
    expected = slow_ssim(
        *(each.double().numpy() for each in (predicted, truth)), measured.numpy(), 10
    )
    assert masked_ssim(predicted, truth, measured, 10.0) == pytest.approx(expected, abs=1e-9)
    predicted[~measured], truth[~measured] = torch.inf, torch.nan
    assert masked_ssim(predicted, truth, measured, 10.0) == pytest.approx(expected, abs=1e-9)


def test_equal_maps_are_alike_and_empty_ones_have_no_figure():
    _, truth = maps(5)
    everywhere = torch.ones_like(truth, dtype=torch.bool)
    assert masked_ssim(truth, truth, everywhere, 10.0) == pytest.approx(1.0)
    assert masked_ssim(truth, truth, ~everywhere, 10.0) is None


def test_maps_smaller_than_a_window_are_refused():
    small = torch.ones(10, 20)
    with pytest.raises(ValueError, match="at least 11x11"):
        masked_ssim(small, small, small > 0, 10.0)
