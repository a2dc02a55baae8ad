# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Temperature scaling recovers a temperature that is known."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from training.engine.calibration import (  # noqa: E402
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
