# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What a 2D network gives in training, beside its logits."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class ParsingOutputs:
    """Maps at the network's output stride.

    Attributes:
        logits: [N, classes, h, w].
        auxiliary: logits of an auxiliary head, [N, classes, h, w]; None without one.
        simulated_3d: f3D_sim, the simulated 3D features, from 0 up, [N, C, h, w]; None without a
            distillation branch.
        features_2d: what the classifier sees of the image alone, [N, D, h, w]: the 2D branch of a
            network with a distillation branch, all of it in others.
        log_depth: natural logarithm of depth in metres, [N, 1, h, w]; None where none is predicted.
    """

    logits: Tensor
    auxiliary: Tensor | None
    simulated_3d: Tensor | None
    features_2d: Tensor
    log_depth: Tensor | None = None
