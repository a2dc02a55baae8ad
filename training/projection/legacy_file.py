# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The published code's maps of a scene's frames on disk.

A file as :mod:`training.projection.scene_file` describes it, with K cells of all frames:

======== =========== ============================================================================
points   uint32 (K,) a frame's cells row by row: the cell's point of the scan, 0 = none
======== =========== ============================================================================

A frame's size is that of its map. The two arrays that the published code saves for each frame
follow from these: :meth:`training.projection.legacy.LegacyMap.listed` has the points whose features
make up the one, and :meth:`training.projection.legacy.LegacyMap.slots` is the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.projection.legacy import LegacyMap
from training.projection.scene_file import SceneFile, SceneHeader, write_scene_file


class LegacyMapsFile(SceneFile):
    """The maps of one scene, see :class:`training.projection.scene_file.SceneFile`."""

    KIND = "legacy maps"
    VERSION = 1
    ARRAYS = {"points": np.uint32}  # noqa: RUF012

    def load(self, frame: str) -> LegacyMap:
        """A frame's map.

        Raises:
            DatasetError: if there is no such frame, its map is incomplete, or its points are none
                of the scan's.
        """
        points = self._read(frame)["points"]
        self._check_points(frame, points)
        return LegacyMap(points.reshape(self._size(frame)))


def write_legacy_maps(path: Path, header: SceneHeader, maps: Sequence[LegacyMap]) -> None:
    """Write a scene's maps.

    Args:
        path: of the file.
        header: names the frames.
        maps: in the same order.

    Raises:
        OSError: if it can't be written; a file that was there before is then left as it was.
    """
    sizes = [(frame.points.shape[0], frame.points.shape[1]) for frame in maps]
    frames = [{"points": frame.points.ravel()} for frame in maps]
    write_scene_file(LegacyMapsFile, path, header, sizes, frames)
