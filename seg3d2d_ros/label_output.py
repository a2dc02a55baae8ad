# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""From what the parser saw to the label image that is published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.label_groups import LabelGroups
from seg3d2d_ros.labels import LabelSpace
from seg3d2d_ros.parser import ParseResult


@dataclass(frozen=True)
class LabelOutput:
    """The rules between the parser's labels and the published ones.

    Attributes:
        parser_space: classes of the parser.
        groups: coarse classes to publish instead, or None.
        threshold: labels less confident than this (0 to 1) become unlabeled; 0 = none.
    """

    parser_space: LabelSpace
    groups: LabelGroups | None = None
    threshold: float = 0.0

    @property
    def label_space(self) -> LabelSpace:
        """Classes of the published labels."""
        return self.groups.label_space if self.groups else self.parser_space

    @property
    def needs_confidence(self) -> bool:
        """Whether the parser must compute the confidence for this."""
        return self.threshold > 0

    def apply(self, result: ParseResult) -> npt.NDArray[Any]:
        """Labels to publish, (H, W) of ``label_space.dtype``."""
        labels = self.groups.apply(result.labels) if self.groups else result.labels
        if self.threshold > 0 and result.confidence is not None:
            # confidence comes in steps of 1/255; the tolerance is for products just above one
            unsure = result.confidence < self.threshold * 255 - 1e-6
            labels = np.where(unsure, labels.dtype.type(self.label_space.unlabeled), labels)
        return labels
