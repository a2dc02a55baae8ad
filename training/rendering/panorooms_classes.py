# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which class of PanoRooms3D the things of rendered rooms are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.data.panorooms.classes import CLASS_NAMES
from training.rendering.nyu40 import NYU40_NAMES

CLASSES = {
    "unlabeled": "none",
    "wall": "wall",
    "floor": "floor",
    "cabinet": "cabinet",
    "bed": "bed",
    "chair": "chair",
    "sofa": "sofa",
    "table": "table",
    "door": "door",
    "window": "building element",
    "bookshelf": "cabinet",
    "picture": "art",
    "counter": "cabinet",
    "blinds": "other",
    "desk": "table",
    "shelves": "cabinet",
    "curtain": "other",
    "dresser": "cabinet",
    "pillow": "other",
    "mirror": "mirror",
    "floormat": "floor",
    "clothes": "other",
    "ceiling": "ceiling",
    "books": "other",
    "refrigerator": "appliance",
    "television": "appliance",
    "paper": "other",
    "towel": "other",
    "showercurtain": "other",
    "box": "other",
    "whiteboard": "other",
    "person": "other",
    "nightstand": "cabinet",
    "toilet": "bath",
    "sink": "basin",
    "lamp": "lamp",
    "bathtub": "bath",
    "bag": "other",
    "otherstructure": "building element",
    "otherfurniture": "other",
    "otherprop": "other",
}
"""PanoRooms3D's class by NYU-40's.

Windows, which PanoRooms3D has no class for, count as building elements, and what stands or lies
about as other. Stools, plants, baseboards and the like have a class there, but none of their own in
NYU-40, so the classes stool, plant, platform, wardrobe, baseboard and a few more don't occur.
"""


def class_by_nyu40() -> NDArray[np.uint8]:
    """Class 0..29 by NYU-40 id: uint8 (41,)."""
    return np.array([CLASS_NAMES.index(CLASSES[name]) for name in NYU40_NAMES], np.uint8)
