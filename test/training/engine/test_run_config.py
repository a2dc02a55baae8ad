# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Ranges of the settings that any training has."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")

from training.engine.experiment import TrainingConfig
from training.engine.settings import ExperimentError
from training.points.experiment import PointTrainingConfig


@pytest.mark.parametrize("kind", [TrainingConfig, PointTrainingConfig])
@pytest.mark.parametrize(
    ("setting", "value", "must"),
    [
        ("learning_rate", -1.0, "above 0"),
        ("learning_rate", math.nan, "finite"),
        ("momentum", -1.0, "from 0 to below 1"),
        ("ema", math.nan, "from 0 to below 1"),
        ("label_smoothing", 1.0, "from 0 to below 1"),
        ("seed", -1, "at least 0"),
        ("seed", 2**63, f"at most {2**63 - 1}"),
        ("threads", -1, "at least 0"),
        ("threads", 10**12, "at most 1024"),
        ("evaluate_every", -1, "at least 0"),
        ("warmup", -5, "at least 0"),
        ("weight_decay", -1.0, "at least 0"),
        ("power", -1.0, "at least 0"),
        ("max_minutes", -1.0, "at least 0"),
        ("max_minutes", math.inf, "finite"),
        ("class_balance", -1.0, "at least 0"),
        ("clip", 0.0, "above 0"),
        ("clip", -1.0, "above 0"),
        ("clip", math.nan, "above 0"),
        ("batch", 0, "above 0"),
    ],
)
def test_an_impossible_setting_is_one_sentence(kind, setting, value, must):
    with pytest.raises(ExperimentError, match=rf"^training\.{setting} is {value}, must be {must}$"):
        kind(steps=1, **{setting: value})


def test_an_infinite_norm_of_the_gradient_is_no_limit():
    assert TrainingConfig(steps=1, clip=math.inf).clip == math.inf
