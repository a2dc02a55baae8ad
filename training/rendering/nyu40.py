# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The NYU-40 class ids that rendered label images hold (Gupta et al., CVPR 2013)."""

from __future__ import annotations

# The index is the id; 0 is unlabeled.
NYU40_NAMES = (
    "unlabeled",
    "wall",
    "floor",
    "cabinet",
    "bed",
    "chair",
    "sofa",
    "table",
    "door",
    "window",
    "bookshelf",
    "picture",
    "counter",
    "blinds",
    "desk",
    "shelves",
    "curtain",
    "dresser",
    "pillow",
    "mirror",
    "floormat",
    "clothes",
    "ceiling",
    "books",
    "refrigerator",
    "television",
    "paper",
    "towel",
    "showercurtain",
    "box",
    "whiteboard",
    "person",
    "nightstand",
    "toilet",
    "sink",
    "lamp",
    "bathtub",
    "bag",
    "otherstructure",
    "otherfurniture",
    "otherprop",
)

NYU40: dict[str, int] = {name: index for index, name in enumerate(NYU40_NAMES)}

# ScanNet's benchmark evaluates these twenty; every other id is ignored there.
SCANNET20_IDS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 28, 33, 34, 36, 39)
