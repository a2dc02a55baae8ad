# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Mean and deviation of a trained network's 2D features, what DN2 brings features to.

The published files have one number each for all channels, measured on a trained baseline.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from training.distillation.distillation_config import RUNNING, DistillationConfig
from training.engine.settings import ExperimentError

FORMAT = "seg3d2d 2D statistics 1"


def statistics_2d(config: DistillationConfig) -> tuple[float, float] | None:
    """Mean and standard deviation that an experiment names; None for the running ones.

    Raises:
        ExperimentError: if the file that it names can't be used.
    """
    if config.statistics_2d:
        return config.statistics_2d[0], config.statistics_2d[1]
    if config.statistics_2d_of == RUNNING:
        return None
    path = Path(config.statistics_2d_of)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError("another format")
        mean, std = float(content["mean"]), float(content["std"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExperimentError(
            f"distillation.statistics_2d_of: {path} holds no statistics of 2D features; "
            "'python -m training statistics-2d RUN' writes them"
        ) from error
    if not (math.isfinite(mean) and 0 < std < math.inf):
        raise ExperimentError(
            f"{path}: mean {mean} and deviation {std} of 2D features must be finite, the deviation "
            "above 0; train the network longer and measure again"
        )
    return mean, std
