# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The 30 classes of PanoRooms3D and the 99 ids of its rooms that they are made of.

Rooms hold ids from 0 to 98; what these are called is not published, only which of them are one
class. Class 0 is none: free and unseen space, and the ids that no class has. It is a class in
volumes, where networks are trained to find free space; in panoramas, where every pixel shows some
surface, it means that the surface has no class, and such pixels are left out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SOURCE_IDS: dict[str, tuple[int, ...]] = {
    "ceiling": (1, 4, 30, 31, 37, 52, 53),
    "cabinet": (2, 6, 22, 23, 28, 47, 48, 55, 56, 69, 74, 76, 91),
    "table": (3, 12, 36, 68, 72, 80, 81),
    "sewer pipe": (5,),
    "door": (7, 21, 44, 58, 98),
    "lamp": (8, 19, 32, 33),
    "sofa": (9, 10, 18, 46, 89, 96),
    "chair": (14, 16, 50, 71, 78, 83),
    "stool": (25, 35, 94),
    "appliance": (11, 34, 65, 86),
    "building element": (13,),
    "other": (15, 26),
    "bed": (17, 20, 67, 70, 87, 88),
    "platform": (27, 43, 45, 54, 61, 66, 90),
    "plant": (29,),
    "baseboard": (38,),
    "wall": (24, 39, 40, 49, 57, 60, 75, 85, 93, 95),
    "basin": (41,),
    "bath": (42,),
    "floor": (51, 62, 79),
    "art": (59,),
    "beam": (63,),
    "stairs": (64,),
    "flue": (73,),
    "recreation": (77,),
    "column": (82,),
    "wardrobe": (84,),
    "mirror": (92,),
    "wainscot": (97,),
}
"""The rooms' ids by class, in the order of the classes 1 to 29 (merging of the published code)."""

CLASS_NAMES = ("none", *SOURCE_IDS)
"""The index is the class."""

NUM_SOURCE_IDS = 99


def class_table() -> npt.NDArray[np.uint8]:
    """Class 0..29 by the rooms' id: uint8 (99,)."""
    table = np.zeros(NUM_SOURCE_IDS, np.uint8)
    for number, ids in enumerate(SOURCE_IDS.values(), start=1):
        table[list(ids)] = number
    return table


def source_id_table() -> npt.NDArray[np.uint8]:
    """One of the rooms' ids by class, the lowest that it has: uint8 (30,); 0 for none."""
    return np.array([0, *(min(ids) for ids in SOURCE_IDS.values())], np.uint8)
