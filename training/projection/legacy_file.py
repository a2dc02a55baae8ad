# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The published code's maps of a scene's frames on disk.

A file as :mod:`training.projection.scene_file` describes it, with K cells of all frames:

======== =========== ============================================================================
points   uint32 (K,) a frame's cells row by row: the cell's point of the scan, 0 = none
======== =========== ============================================================================

A map has an eighth of its image's height and width, rounded up. The two arrays that the published
code saves for each frame follow from these: :meth:`training.projection.legacy.LegacyMap.listed` has
the points whose features make up the one, and
:meth:`training.projection.legacy.LegacyMap.slots` is the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.labelled_frames import DatasetError
from training.projection.legacy import STRIDE, LegacyMap
from training.projection.scene_file import AGAIN, SceneFile


class LegacyMapsFile(SceneFile):
    """The maps of one scene, see :class:`training.projection.scene_file.SceneFile`."""

    KIND = "legacy maps"
    VERSION = 2
    ARRAYS = {"points": np.uint32}  # noqa: RUF012

    @staticmethod
    def arrays(frame: LegacyMap) -> dict[str, npt.NDArray[Any]]:
        """What of a frame is stored."""
        return {"points": frame.points.ravel()}

    def load(self, frame: str) -> LegacyMap:
        """A frame's map.

        Raises:
            DatasetError: if there is no such frame, its map is incomplete, or its points are none
                of the scan's.
        """
        points = self._read(frame)["points"]
        self._check_points(frame, points)
        rows, columns = (-(-length // STRIDE) for length in self.size(frame))
        if len(points) != rows * columns:
            raise DatasetError(
                f"{self.path} is damaged: its map of '{frame}' has {len(points)} cells, not "
                f"{rows} x {columns}; {AGAIN}"
            )
        return LegacyMap(points.reshape(rows, columns))
