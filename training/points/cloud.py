# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Points with colours and classes, as 3D networks are trained on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.counted import counted

UNLABELED = -1
"""Class of points without one, whatever the label space's own id for that is."""
LARGEST_CLOUD = 16_000_000
"""Points of a scene; ScanNet's largest have half a million, S3DIS's 9 million."""


class CloudError(ValueError):
    """A scene's points can't be used; the message is one sentence."""


@dataclass(frozen=True, eq=False)
class LabelledCloud:
    """Points of one scene.

    Attributes:
        points: float32 [n, 3], metres, z up.
        colors: float32 [n, 3], RGB, 0 to 255.
        labels: int64 [n], classes from 0; `UNLABELED` where there is none.
    """

    points: npt.NDArray[np.float32]
    colors: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.points)

    def take(self, rows: npt.NDArray[Any]) -> LabelledCloud:
        """Some of the points: their numbers, or a mask."""
        return LabelledCloud(self.points[rows], self.colors[rows], self.labels[rows])


def check_cloud(points: npt.NDArray[np.float32], colors: npt.NDArray[Any], where: str) -> None:
    """Refuse points that no network can take.

    Args:
        points: [n, 3], metres.
        colors: [n, 3].
        where: file or scene, for the message.

    Raises:
        CloudError: if there is no point, there are too many, a coordinate is no finite number, or
            no point has a colour.
    """
    if not len(points):
        raise CloudError(f"{where} has no points")
    if len(points) > LARGEST_CLOUD:
        raise CloudError(
            f"{where} has {len(points)} points, more than the {LARGEST_CLOUD} that fit a scene; "
            "divide it into rooms, or thin it out"
        )
    finite = np.isfinite(points).all(1)
    if not finite.all():
        raise CloudError(
            f"{where}: the coordinates of {counted(int((~finite).sum()), 'point')} are no "
            "finite numbers, "
            f"the first is point {int(np.argmin(finite))}; remove them"
        )
    if not colors.any():
        raise CloudError(
            f"{where} has no colours, which the network needs; export the scan with colours"
        )
