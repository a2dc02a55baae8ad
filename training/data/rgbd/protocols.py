# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""How recordings are divided: as their owner lists, else all are for training."""

from __future__ import annotations

from training.data.protocol import Protocol

PROTOCOLS = (
    Protocol(
        name="all",
        dataset="rgbd",
        label_space="scannet20",
        source="splits/<split>.txt beside the recordings, where there are any",
    ),
)
