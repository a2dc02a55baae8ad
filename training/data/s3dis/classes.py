# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The 13 classes of S3DIS (Armeni et al., CVPR 2016)."""

from __future__ import annotations

CLASSES = (
    "ceiling",
    "floor",
    "wall",
    "beam",
    "column",
    "window",
    "door",
    "table",
    "chair",
    "sofa",
    "bookcase",
    "board",
    "clutter",
)
"""The index is the id; the order is that of PointNet's class list (Qi et al., CVPR 2017), which
most work on S3DIS reports."""

NO_LABEL = 255
"""Id of what has no class."""

_IDS = {name: index for index, name in enumerate(CLASSES)}
# Some clouds are named stairs; papers count them as clutter.
_IDS["stairs"] = _IDS["clutter"]
_IDS["<UNK>"] = NO_LABEL


def class_id(name: str) -> int | None:
    """Id of a class by the data set's name; 255 for `<UNK>`, None for one that is unknown."""
    return _IDS.get(name)
