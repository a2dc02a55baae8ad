# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Temperature scaling recovers a temperature that is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.engine.calibration import (  # noqa: E402
    collect_logits,
    expected_calibration_error,
    fit_temperature,
)


@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.5])
def test_a_known_temperature_is_found(temperature):
    generator = torch.Generator().manual_seed(0)
    honest = 2 * torch.randn(40000, 5, generator=generator)
    truth = torch.multinomial(torch.softmax(honest, 1), 1, generator=generator)[:, 0]
    logits = honest * temperature
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.03)
    assert expected_calibration_error(logits, truth, temperature) < 0.01


def test_calibration_error_of_known_confidence():
    # Confidence 0.9 everywhere, right in 6 of 10 cases.
    logits = torch.log(torch.tensor([[0.9, 0.1]])).repeat(10, 1)
    truth = torch.tensor([0] * 6 + [1] * 4)
    assert expected_calibration_error(logits, truth, 1.0) == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize(("aligned", "pixel"), [(True, 0), (False, 4)])
def test_the_truth_of_a_position_is_the_label_where_its_feature_lies(aligned, pixel):
    """With as many classes as pixels, labels say which pixel was looked at."""
    labels = np.arange(32 * 24, dtype=np.uint16).reshape(32, 24)
    predict = SimpleNamespace(
        graph=SimpleNamespace(stride=8, align_corners=aligned),
        logits=lambda image: torch.arange(12.0).reshape(1, 4, 3),
    )
    found, truth = collect_logits(predict, OneFrame(labels), 65535, 100, 0)
    seen = dict(zip(found[:, 0].int().tolist(), truth.tolist(), strict=True))
    expected = labels[pixel::8, pixel::8].ravel().tolist()
    assert [seen[k] for k in range(12)] == expected


class OneFrame:
    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return 1

    def load(self, index):
        return None, self.labels
