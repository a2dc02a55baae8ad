# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""What is recorded beside a scene's features: their moments, and which points they are of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.points.features.array_file import PointFeaturesError, read_arrays, write_arrays
from training.points.features.finite_features import NotFiniteError
from training.points.features.moments import Moments


@dataclass(frozen=True, eq=False)
class FeaturesRecord:
    """``scenes/<scene>.npz``.

    Attributes:
        moments: of the scene's features as they are stored, by channel.
        points_sha256: of the scan, see :func:`training.projection.scene_file.points_sha256`.
        inputs_sha256: of all that the features depend on, the teacher among it; "" where another
            program wrote them.
        confusion: int64 [classes, classes + 1], as in
            :class:`~seg3d2d_ros.confusion_matrix.ConfusionMatrix`: points by the scan's class and
            the class that the classifier gives their features; None where there are no labels.
    """

    moments: Moments
    points_sha256: str
    inputs_sha256: str = ""
    confusion: npt.NDArray[np.int64] | None = None

    def write(self, path: Path) -> None:
        """Write the record.

        Raises:
            OSError: if it can't be written.
        """
        arrays: dict[str, npt.NDArray[Any]] = {
            "count": np.array(self.moments.count, np.int64),
            "mean": self.moments.mean,
            "m2": self.moments.m2,
            "points_sha256": np.array(self.points_sha256),
        }
        if self.inputs_sha256:
            arrays["inputs_sha256"] = np.array(self.inputs_sha256)
        if self.confusion is not None:
            arrays["confusion"] = self.confusion
        write_arrays(path, arrays)

    @classmethod
    def read(cls, path: Path, width: int) -> FeaturesRecord:
        """Read a record.

        Args:
            path: of the file.
            width: channels of the features.

        Raises:
            NotFiniteError: if it is of features that hold NaN or inf.
            PointFeaturesError: if it is missing, damaged, or of another width.
        """
        arrays = read_arrays(path, {"count": "iu", "mean": "f", "m2": "f", "points_sha256": "U"})
        for name in ("mean", "m2"):
            if arrays[name].shape != (width,):
                raise PointFeaturesError(
                    f"{path}: '{name}' has the shape {list(arrays[name].shape)}, features have "
                    f"{width} channels; write the scene anew"
                )
            if not np.isfinite(arrays[name]).all():
                raise NotFiniteError(
                    f"{path}: '{name}' holds NaN or inf; write the scene anew from finite features"
                )
        if arrays["count"].size != 1 or int(arrays["count"].item()) < 1 or arrays["m2"].min() < 0:
            raise PointFeaturesError(f"{path}: 'count' or 'm2' is impossible; write the scene anew")
        inputs = arrays.get("inputs_sha256", np.array(""))
        return cls(
            Moments(
                int(arrays["count"].item()),
                arrays["mean"].astype(np.float64),
                arrays["m2"].astype(np.float64),
            ),
            str(arrays["points_sha256"]),
            str(inputs),
            arrays.get("confusion"),
        )
