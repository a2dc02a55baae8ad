# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Intrinsics of a recording's camera, and what resizing does to them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

INTRINSICS_FILES = (
    "intrinsic/intrinsic_color.txt",  # ScanNet, exported scenes
    "intrinsics_color.txt",  # ScanNet, every 100th frame
    "camera-intrinsics.txt",
)


@dataclass(frozen=True)
class CameraCalibration:
    """A pinhole camera for images of one size, in the terms of sensor_msgs/CameraInfo.

    Attributes:
        width: of the image, pixels.
        height: of the image, pixels.
        k: the intrinsic matrix, 9 values row by row, for pixel centres at integers.
        distortion_model: as CameraInfo names it.
        d: distortion coefficients.
        r: rectification, 9 values row by row.
        p: projection matrix, 12 values row by row.
    """

    width: int
    height: int
    k: tuple[float, ...]
    distortion_model: str = "plumb_bob"
    d: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    r: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    p: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.p:
            fx, skew, cx, _, fy, cy = self.k[:6]
            projection = (fx, skew, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0)
            object.__setattr__(self, "p", projection)

    @classmethod
    def from_message(cls, message: Any) -> CameraCalibration:
        """From a CameraInfo message (rclpy's or ``rosbags``', whose names are in capitals)."""
        values = {
            name: tuple(
                float(v) for v in getattr(message, name, getattr(message, name.upper(), ()))
            )
            for name in ("k", "d", "r", "p")
        }
        return cls(
            message.width, message.height, distortion_model=message.distortion_model, **values
        )

    def cropped(self, left: int, top: int, width: int, height: int) -> CameraCalibration:
        """Intrinsics of a window of the image."""
        return self._changed(width, height, (1.0, 1.0), (-float(left), -float(top)))

    def scaled(self, width: int, height: int) -> CameraCalibration:
        """Intrinsics of the image at another size.

        The pixel with centre u covers u - 0.5 to u + 0.5, so u becomes
        ``(u + 0.5) * scale - 0.5``.
        """
        scale = (width / self.width, height / self.height)
        return self._changed(width, height, scale, (0.5 * scale[0] - 0.5, 0.5 * scale[1] - 0.5))

    def _changed(
        self, width: int, height: int, scale: tuple[float, float], offset: tuple[float, float]
    ) -> CameraCalibration:
        k = np.diag([*scale, 1.0])
        k[:2, 2] = offset
        return replace(
            self,
            width=width,
            height=height,
            k=tuple((k @ np.reshape(self.k, (3, 3))).ravel().tolist()),
            p=tuple((k @ np.reshape(self.p, (3, 4))).ravel().tolist()),
        )


def find_calibration(folder: Path, width: int, height: int) -> CameraCalibration | None:
    """Intrinsics that lie beside a folder of images as a text file, for images of a size.

    Looked for in the folder and the one above, in the places where ScanNet and RGB-D recordings
    have them: a 3x3 or 4x4 matrix, one row per line. None where there is none or it is malformed.
    """
    for parent in (folder, folder.parent):
        for name in INTRINSICS_FILES:
            try:
                text = (parent / name).read_text(encoding="ascii")
                rows = [
                    [float(v) for v in line.split()] for line in text.splitlines() if line.strip()
                ]
            except (OSError, ValueError):
                continue
            k = tuple(value for row in rows[:3] for value in row[:3])
            if len(k) == 9 and k[0] > 0 and k[4] > 0 and all(math.isfinite(v) for v in k):
                return CameraCalibration(width, height, k)
    return None
