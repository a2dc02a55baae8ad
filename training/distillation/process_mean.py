# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Means over the processes that train together."""

from __future__ import annotations

import torch
from torch import Tensor


def mean_over_processes(values: Tensor) -> Tensor:
    """The mean of all processes' values, in all of them; the values themselves in one alone.

    All processes must call it equally often.

    Args:
        values: of any shape, the same in all processes; floating, no gradient passes.
    """
    values = values.detach()
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1:
        return values
    total = values.clone()
    torch.distributed.all_reduce(total)
    return total / torch.distributed.get_world_size()
