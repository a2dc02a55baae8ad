# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Protocols: which scenes are for what, and at which size results are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Protocol:
    """One published way to divide and measure a data set.

    Attributes:
        name: that it is called by.
        dataset: name of the reader.
        label_space: name of the file in config/labels whose classes it measures.
        source: paper, repository or benchmark that it is of.
        size: height and width to which images and labels are brought before anything else; None
            for their own.
        settings: of the reader, such as the areas of a split.
    """

    name: str
    dataset: str
    label_space: str
    source: str
    size: tuple[int, int] | None = None
    settings: tuple[tuple[str, Any], ...] = ()

    def setting(self, name: str) -> Any:
        """One of the settings.

        Raises:
            KeyError: if the protocol lacks it.
        """
        return dict(self.settings)[name]
