# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Computation that autocast leaves in fp32."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(values: Tensor) -> AbstractContextManager[object]:
    """Where autocast is off on the device of some values; of some devices there is none."""
    kind = values.device.type
    if not torch.amp.is_autocast_available(kind):
        return nullcontext()
    return torch.autocast(kind, enabled=False)
