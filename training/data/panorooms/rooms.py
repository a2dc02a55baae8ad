# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A room as a volume: signed distance, colour and class of every voxel.

A room's file ``<scene>.npz`` has three arrays of one shape (X, Y, Z), in C order:

- ``sdf128`` float: truncated signed distance as TSDF fusion makes it, -1 to 1 in units of the
  truncation (5 voxels), positive in front of surfaces; 1 in free and in unseen space.
- ``color128`` float: blue * 65536 + green * 256 + red of the nearest surface, each 0 to 255.
- ``semanticlabel`` integer: id 0 to 98 of the nearest surface.

Voxel (i, j, k) is a sample at (i, j, k) * 0.04 m. The third axis points up. The published renderer
of panoramas looks along the first axis in the middle of the picture and has the second one on its
right, so that (X, Y, Z) is a left-handed frame wherever panoramas are no mirror images;
:data:`AXES` are its axes in the order that makes it right-handed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.panorooms.arrays import Arrays, damaged, read_arrays, unknown_labels
from training.data.panorooms.classes import NUM_SOURCE_IDS, class_table

VOXEL_M = 0.04
TRUNCATION_VOXELS = 5
"""What a distance of 1 in a file means; in ``RoomVolume.sdf`` it is one of 3."""
SDF_SCALE = -3.0
"""Factor from the distances of the files to those of the network."""
FREE = -3.0
"""The network's distance in free and unseen space."""
AXES = (1, 0, 2)
"""The volume's axis of the room's x, y and z (z up, right-handed)."""
ROOM_ARRAYS = ("sdf128", "color128", "semanticlabel")


@dataclass(frozen=True, eq=False)
class RoomVolume:
    """A room, or a block of one.

    Attributes:
        sdf: float32 (X, Y, Z), -3 in free and unseen space, 0 at surfaces, up to 3 behind them; 3
            is a distance of 5 voxels.
        colors: float32 (X, Y, Z, 3), RGB from -1 to 1; -1 where ``sdf`` is -3.
        labels: uint8 (X, Y, Z), class 0 to 29; 0 where ``sdf`` is -3.
    """

    sdf: npt.NDArray[np.float32]
    colors: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]

    @property
    def centre(self) -> npt.NDArray[np.float64]:
        """Where the panorama is taken: metres along X, Y, Z from the middle of voxel (0, 0, 0)."""
        return (np.array(self.sdf.shape) - 1) / 2 * VOXEL_M


def read_room(path: Path) -> RoomVolume:
    """Read ``<scene>.npz``.

    Raises:
        DefectError: if it is missing or damaged: an array missing, of another shape or out of
            range, an id above 98, or no surface at all.
    """
    arrays = read_arrays(path, ROOM_ARRAYS)
    tsdf = arrays["sdf128"]
    if tsdf.ndim != 3 or tsdf.size == 0:
        raise damaged(path, f"has sdf128 of the shape {tsdf.shape}, not (X, Y, Z)")
    _check_shapes(path, arrays)
    if np.abs(tsdf).max() > 1:
        raise damaged(
            path, f"has sdf128 from {tsdf.min():g} to {tsdf.max():g}; distances are from -1 to 1"
        )
    sdf = (tsdf * SDF_SCALE).astype(np.float32)
    near = sdf > FREE
    if not near.any():
        raise damaged(path, "has no surface, every voxel is free")
    # Files may hold anything in free space, the published loader drops it too.
    packed, source = arrays["color128"][near], arrays["semanticlabel"][near]
    if packed.min() < 0 or packed.max() >= 1 << 24:
        raise damaged(path, "has color128 outside of 0 to 16777215")
    if source.dtype.kind == "f":
        raise damaged(path, f"has semanticlabel of {source.dtype}, not of integers")
    unknown = unknown_labels(path, source, NUM_SOURCE_IDS)
    if unknown is not None:
        raise unknown
    colors = np.full((*sdf.shape, 3), -1, np.float32)
    colors[near] = unpack_colors(packed).astype(np.float32) * np.float32(2 / 255) - 1
    labels = np.zeros(sdf.shape, np.uint8)
    labels[near] = class_table()[source]
    return RoomVolume(sdf, colors, labels)


def _check_shapes(path: Path, arrays: Arrays) -> None:
    shape = arrays["sdf128"].shape
    for name, array in arrays.items():
        if array.shape != shape:
            raise damaged(path, f"has {name} of the shape {array.shape}, sdf128 has {shape}")


def unpack_colors(packed: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """RGB [..., 3] of blue * 65536 + green * 256 + red [...]."""
    whole = packed.astype(np.uint32)
    return np.stack([whole & 255, whole >> 8 & 255, whole >> 16], -1).astype(np.uint8)


def pack_colors(colors: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Blue * 65536 + green * 256 + red of RGB [..., 3]; exact in float32."""
    wide = colors.astype(np.uint32)
    return (wide[..., 2] << 16 | wide[..., 1] << 8 | wide[..., 0]).astype(np.float32)
