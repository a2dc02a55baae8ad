# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The visible points of a scene's frames on disk.

A file as :mod:`training.projection.scene_file` describes it, with K points of all frames:

======== =========== ============================================================================
u, v     uint16 (K,) floor(16 (x + 1/2)) of the column and row x, which are counted from the first
                     pixel's centre: 16 steps a pixel from the image's edge on
index    uint32 (K,) of the scan's points
======== =========== ============================================================================

The points of a frame go from near to far. Columns and rows are those of the image file at its own
size, which the header's ``image_sizes`` say, at most 4096 pixels each way. A step is read back as
its middle, so that a place is right within 1/32 pixel and stays in its pixel, and in every cell
whose edges are edges of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.intrinsics import Array
from training.data.labelled_frames import DatasetError
from training.projection.scene_file import SceneFile
from training.projection.visible_points import VisiblePoints

STEPS = 16
"""Of a pixel."""
MAX_SIZE = 65536 // STEPS
"""Greatest height and width of images in pixels."""


@dataclass(frozen=True, eq=False)
class StoredFrame:
    """The visible points of one frame as they are stored.

    Attributes:
        height: of the image, pixels.
        width: likewise.
        u: steps from the left edge, uint16 (K,).
        v: steps from the upper edge, likewise.
        index: of the scan's points, uint32 (K,).
    """

    height: int
    width: int
    u: npt.NDArray[np.uint16]
    v: npt.NDArray[np.uint16]
    index: npt.NDArray[np.uint32]

    @classmethod
    def encode(cls, visible: VisiblePoints, height: int, width: int) -> StoredFrame:
        """Cut the places of a frame's points to steps.

        Raises:
            DatasetError: if the image is too large.
            ValueError: if a point lies outside of the image.
        """
        if max(height, width) > MAX_SIZE:
            raise DatasetError(
                f"the image is {width}x{height} pixels, and places in it can be stored up to "
                f"{MAX_SIZE}x{MAX_SIZE}"
            )
        u, v = _steps(visible.u, width), _steps(visible.v, height)
        return cls(height, width, u, v, visible.index.astype(np.uint32))

    def decode(self) -> VisiblePoints:
        """The points; each place is the middle of its step."""
        return VisiblePoints(_places(self.u), _places(self.v), self.index)


def _steps(places: Array, length: int) -> npt.NDArray[np.uint16]:
    steps = np.floor((places.astype(np.float64) + 0.5) * STEPS)
    if len(steps) and not (steps.min() >= 0 and steps.max() < length * STEPS):
        raise ValueError(f"points lie from {places.min()} to {places.max()} in {length} pixels")
    return steps.astype(np.uint16)


def _places(steps: npt.NDArray[np.uint16]) -> Array:
    # all numbers on the way have at most 17 binary digits, so that nothing is rounded
    places: npt.NDArray[Any] = steps.astype(np.float32)
    places += np.float32(0.5)
    places *= np.float32(1 / STEPS)
    places -= np.float32(0.5)
    return places


class VisiblePointsFile(SceneFile):
    """The visible points of one scene, see :class:`training.projection.scene_file.SceneFile`."""

    KIND = "visible points"
    VERSION = 2
    ARRAYS = {"u": np.uint16, "v": np.uint16, "index": np.uint32}  # noqa: RUF012

    @staticmethod
    def arrays(frame: StoredFrame) -> dict[str, npt.NDArray[Any]]:
        """What of a frame is stored."""
        return {"u": frame.u, "v": frame.v, "index": frame.index}

    def load(self, frame: str) -> VisiblePoints:
        """The visible points of a frame, from near to far.

        Raises:
            DatasetError: if there is no such frame, or its points are none of the scan's.
        """
        arrays = self._read(frame)
        self._check_points(frame, arrays["index"])
        height, width = self.size(frame)
        stored = StoredFrame(height, width, arrays["u"], arrays["v"], arrays["index"])
        return stored.decode()
