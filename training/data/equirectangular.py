# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The panorama camera: a picture of all directions, longitude by column and latitude by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class EquirectangularCamera:
    """Directions of pixels; pixel centres lie at integers.

    In the optical frame (z forward, x right, y down) the pixel (u, v) looks along
    (cos(b) sin(a), -sin(b), cos(b) cos(a)) with the longitude a = ((u + 0.5) / width - 0.5) 2 pi,
    growing to the right, and the latitude b = (0.5 - (v + 0.5) / height) pi, growing upwards. The
    middle of the picture looks forward; left and right edge are one line behind.

    Attributes:
        width: of its pictures, pixels; twice the height.
        height: likewise.
    """

    width: int
    height: int

    @property
    def pixel_angle(self) -> float:
        """Angle between neighbouring pixels at the horizon, radians."""
        return 2 * np.pi / self.width

    def rays(self, jitter: Array | None = None) -> Array:
        """Unit directions in the optical frame, float32 [h * w, 3].

        `jitter` moves them within their pixel: float32 [h * w, 2] in pixels.
        """
        v, u = np.mgrid[0 : self.height, 0 : self.width].reshape(2, -1).astype(np.float64)
        if jitter is not None:
            u, v = u + jitter[:, 0], v + jitter[:, 1]
        return self.directions(u, v)

    def directions(self, u: npt.NDArray[np.float64], v: npt.NDArray[np.float64]) -> Array:
        """Unit directions of pixels in the optical frame, float32 [n, 3].

        Args:
            u: columns [n]; those beyond an edge go on at the other one.
            v: rows [n].
        """
        longitude = ((u + 0.5) / self.width - 0.5) * 2 * np.pi
        latitude = (0.5 - (v + 0.5) / self.height) * np.pi
        level = np.cos(latitude)
        directions: npt.NDArray[np.float64] = np.stack(
            [level * np.sin(longitude), -np.sin(latitude), level * np.cos(longitude)], -1
        )
        return directions.astype(np.float32)

    def pixels(self, directions: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Where directions of any length [..., 3] in the optical frame are seen: (u, v) [..., 2].

        Columns are from -0.5 to width - 0.5, rows from -0.5 to height - 0.5.
        """
        x, y, z = np.moveaxis(np.asarray(directions, np.float64), -1, 0)
        longitude = np.arctan2(x, z)
        latitude = np.arctan2(-y, np.hypot(x, z))
        u = (longitude / (2 * np.pi) + 0.5) * self.width - 0.5
        v = (0.5 - latitude / np.pi) * self.height - 0.5
        return np.stack([u, v], -1)
