# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Whether there is the device that a command names."""

from __future__ import annotations

import torch

from training.engine.checkpoint import first_line
from training.engine.settings import ExperimentError


def check_device(device: str) -> None:
    """Whether there is such a device.

    Raises:
        ExperimentError: if not.
    """
    try:
        torch.device(device)
    except RuntimeError as error:  # it lists all that PyTorch was ever made for
        raise ExperimentError(
            f"device '{device}' can't be had (none has that name); use --device cpu or cuda"
        ) from error
    try:
        torch.empty(1, device=device).cpu()  # what is on the device "meta" can't be had
    except (RuntimeError, AssertionError) as error:
        raise ExperimentError(
            f"device '{device}' can't be had here ({first_line(error)}); use --device cpu, or "
            "install PyTorch for it"
        ) from error
