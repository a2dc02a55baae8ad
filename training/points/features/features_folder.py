# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Reader of a folder of point features; docs/point_features.md describes the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.labels import LabelSpace
from training.data.manifest import ScanRow
from training.data.scan import Scan
from training.data.scene_fingerprint import file_states
from training.points.features.array_file import PointFeaturesError, map_array, read_arrays
from training.points.features.features_check import FeaturesCheck, check_features
from training.points.features.features_description import (
    CLASSIFIER,
    LABEL_SPACE,
    SCENES,
    STATISTICS,
    FeaturesDescription,
)
from training.points.features.features_record import FeaturesRecord
from training.projection.scene_file import points_sha256, scene_path


@dataclass(frozen=True, eq=False)
class ChannelStatistics:
    """How features are distributed over the points of the training scenes.

    Attributes:
        mean: float64 [width].
        variance: float64 [width], of the population.
        count: of points.
    """

    mean: npt.NDArray[np.float64]
    variance: npt.NDArray[np.float64]
    count: int

    @property
    def constant_channels(self) -> list[int]:
        """Channels that are the same at every point; normalising would divide by 0."""
        channels: list[int] = np.flatnonzero(self.variance == 0).tolist()
        return channels

    @property
    def constant_channels_text(self) -> str:
        """A sentence about them; empty where there are none."""
        if not self.constant_channels:
            return ""
        first = ", ".join(map(str, self.constant_channels[:10]))
        more = len(self.constant_channels) - 10
        return (
            f"the variance of {len(self.constant_channels)} channels ({first}"
            f"{f' and {more} more' if more > 0 else ''}) is 0: the teacher says the same of every "
            "point there, and normalising would divide by 0; leave these channels out, or train "
            "the teacher longer"
        )


@dataclass(frozen=True, eq=False)
class FeatureClassifier:
    """The teacher's last layer: scores = features @ weight.T + bias.

    Attributes:
        weight: float32 [classes, width].
        bias: float32 [classes].
    """

    weight: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]


class PointFeatures:
    """Features of the points of scenes, by any 3D network.

    Args:
        folder: of the files.

    Raises:
        PointFeaturesError: if it holds none, is malformed or of another version.
        LabelSpaceError: if its label space can't be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.description = FeaturesDescription.read(folder)
        self.label_space = LabelSpace.load(folder / LABEL_SPACE)

    @property
    def width(self) -> int:
        """Channels of the features."""
        return self.description.width

    @cached_property
    def statistics(self) -> ChannelStatistics:
        """Over the points of the training scenes.

        Raises:
            PointFeaturesError: if they are missing, damaged, or of another width.
        """
        path = self.folder / STATISTICS
        if not path.exists():
            raise PointFeaturesError(
                f"{path} is not there: the features of the split "
                f"'{self.description.statistics_split}' are unfinished; 'python -m training points "
                "features' goes on where it stopped"
            )
        arrays = read_arrays(path, {"mean": "f", "variance": "f", "count": "iu"})
        for name in ("mean", "variance"):
            if arrays[name].shape != (self.width,) or not np.isfinite(arrays[name]).all():
                raise PointFeaturesError(
                    f"{path}: '{name}' is not {self.width} finite numbers; write it anew"
                )
        if arrays["variance"].min() < 0 or arrays["count"].size != 1:
            raise PointFeaturesError(
                f"{path}: 'variance' is below 0 or 'count' no number; write it anew"
            )
        return ChannelStatistics(
            arrays["mean"].astype(np.float64),
            arrays["variance"].astype(np.float64),
            int(arrays["count"].item()),
        )

    @cached_property
    def classifier(self) -> FeatureClassifier:
        """The teacher's last layer.

        Raises:
            PointFeaturesError: if it is missing, damaged, or does not fit the width or the classes.
        """
        path = self.folder / CLASSIFIER
        arrays = read_arrays(path, {"weight": "f", "bias": "f"})
        weight, bias = (arrays[name].astype(np.float32) for name in ("weight", "bias"))
        classes = self.label_space.num_classes
        if weight.shape != (classes, self.width) or bias.shape != (classes,):
            raise PointFeaturesError(
                f"{path}: the weight is {list(weight.shape)} and the bias {list(bias.shape)}, but "
                f"features of {self.width} channels and {classes} classes need "
                f"{[classes, self.width]} and {[classes]}; write the teacher's own last layer"
            )
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise PointFeaturesError(f"{path} holds NaN or inf; the teacher is unusable")
        return FeatureClassifier(weight, bias)

    def path(self, scene: str, ending: str = ".npy") -> Path:
        """Of a scene's features, or with the ending ``.npz`` of their record.

        Raises:
            DatasetError: if the scene's name leads out of the folder.
        """
        return scene_path(self.folder / SCENES, scene, ending)

    def load(self, scene: str, scan: Scan) -> npt.NDArray[np.float16]:
        """A scene's features, mapped to memory: float16 [n, width], a row for each of its points.

        Raises:
            PointFeaturesError: see :meth:`load_by_points`.
        """
        return self.load_by_points(scene, len(scan.points), points_sha256(scan.points))

    def load_by_points(self, scene: str, points: int, sha256: str) -> npt.NDArray[np.float16]:
        """The same, where the scan itself is not at hand.

        Args:
            scene: name.
            points: number of points of the scan.
            sha256: of the scan's points, as files of visible points have it, see
                :func:`training.projection.scene_file.points_sha256`.

        Raises:
            NotFiniteError: if they hold NaN or inf by what is recorded of them; the numbers are
                not looked at, see
                :func:`~training.points.features.finite_features.check_finite`.
            PointFeaturesError: if they are missing, damaged, of another scene or another version
                of its scan, or of another length, width or type.
        """
        return self.load_recorded(scene, points, sha256)[0]

    def load_recorded(
        self, scene: str, points: int, sha256: str
    ) -> tuple[npt.NDArray[np.float16], FeaturesRecord]:
        """The same, with what is recorded beside them."""
        record = FeaturesRecord.read(self.path(scene, ".npz"), self.width)
        if record.points_sha256 != sha256:
            raise PointFeaturesError(
                f"{self.path(scene)} has features of another scan than that of {scene}: of another "
                "scene or another version of its points; write them anew for this scan"
            )
        features = self._map(scene)
        if len(features) != points:
            raise PointFeaturesError(
                f"{self.path(scene)} has {len(features)} rows, the scan of {scene} has {points} "
                "points; write them anew for this scan"
            )
        return features, record

    def fingerprint(self, scenes: Iterable[str]) -> str:
        """SHA-256 of what the features of scenes depend on; their arrays are not opened.

        It covers the description, the scenes' records, and sizes and times of change of arrays.

        Raises:
            DatasetError: if a scene's name leads out of the folder.
        """
        digest = hashlib.sha256(repr(self.description).encode())
        for scene in scenes:
            try:
                digest.update(self.path(scene, ".npz").read_bytes())
            except OSError:  # as it can't be used then
                digest.update(b"none")
            for line in file_states(self.path(scene), scene):
                digest.update(f"\n{line}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def check(self, rows: Sequence[ScanRow], prepared: Path) -> FeaturesCheck:
        """Look through the features of scenes, number by number.

        Args:
            rows: the scenes. Where all of the training scenes are among them, the statistics are
                compared with theirs.
            prepared: folder that lists their scans.
        """
        return check_features(self, rows, prepared)

    def _map(self, scene: str) -> npt.NDArray[np.float16]:
        path = self.path(scene)
        features = map_array(path)
        if features.dtype != np.float16:
            raise PointFeaturesError(
                f"{path} is not an array of the type float16; write it anew as one"
            )
        if features.ndim != 2 or features.shape[1] != self.width:
            raise PointFeaturesError(
                f"{path} has the shape {list(features.shape)}, features are [points, {self.width}]"
            )
        return features
