# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Features of the points that a frame shows, where they lie in the image that the network sees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.counted import counted
from training.data.labelled_frames import LabelledFrame, LabelledFrames
from training.data.manifest import ManifestFrames
from training.data.resizing import Affine
from training.points.features.array_file import PointFeaturesError
from training.points.features.features_folder import PointFeatures
from training.projection.feature_grid import FeatureGrid
from training.projection.scene_file import scene_path
from training.projection.splat import splat
from training.projection.visible_file import VisiblePointsFile
from training.projection.visible_points import NO_POINT

_OPEN_SCENES = 256
"""Whose files stay open; their arrays are mapped, not read."""


@dataclass(frozen=True)
class Pairing:
    """How many frames have features of points.

    Attributes:
        paired: frames with visible points of a scene with features.
        not_projected: frames that `project` could not project.
        without_features: frames of scenes that have no features.
    """

    paired: int
    not_projected: int
    without_features: int

    def text(self) -> str:
        """A sentence."""
        text = f"{counted(self.paired, 'training frame')} with features of a 3D network"
        if self.not_projected:
            text += f", {self.not_projected:,} not projected"
        if self.without_features:
            text += f", {self.without_features:,} of scenes without features"
        return text


class ProjectedFeatures:
    """Features of a 3D network in the frames of one prepared data set.

    Args:
        features: of the scenes' points.
        visible_points: folder that `project` wrote.
    """

    def __init__(self, features: PointFeatures, visible_points: Path) -> None:
        self.features, self.visible_points = features, visible_points
        self._scene = lru_cache(_OPEN_SCENES)(self._open)

    def _open(self, scene: str) -> tuple[VisiblePointsFile, npt.NDArray[np.float16] | None]:
        file = VisiblePointsFile(scene_path(self.visible_points, scene))
        if not self.features.path(scene).exists():
            return file, None
        header = file.header
        return file, self.features.load_by_points(scene, header.points, header.scan_sha256)

    def pairing(self, frames: LabelledFrames) -> Pairing:
        """Look at which frames have features.

        Raises:
            DatasetError: if a scene's visible points are missing, damaged, or of another scan than
                its features; if they were made without one of the frames, or, where the data set
                is a prepared one, with another image size, pose or camera.
        """
        paired = not_projected = without_features = 0
        rows = frames.rows if isinstance(frames, ManifestFrames) else [None] * len(frames)
        for frame, row in zip(frames.frames, rows, strict=True):
            file, features = self._scene(frame.scene)
            if row is not None:
                file.check([row])
            if frame.name not in file.frames:
                not_projected += 1
            elif features is None:
                without_features += 1
            else:
                paired += 1
        return Pairing(paired, not_projected, without_features)

    def load(
        self, frame: LabelledFrame, height: int, width: int, grid: FeatureGrid, matrix: Affine
    ) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.bool_]]:
        """The features at each cell of a network's feature map.

        Args:
            frame: whose points are meant.
            height: of the image that the network sees, pixels.
            width: likewise.
            grid: where its features lie.
            matrix: (2, 3), of pixels of the frame's file to pixels of that image.

        Returns:
            float16 (C, h, w), 0 where no point lies, and bool (h, w), the covered cells: those with
            a point. None is covered in a frame that is not paired.

        Raises:
            DatasetError: if a file is missing or damaged, or a feature is no finite number.
        """
        rows, columns = grid.shape(height, width)
        values = np.zeros((self.features.width, rows, columns), np.float16)
        file, features = self._scene(frame.scene)
        if features is None or frame.name not in file.frames:
            return values, np.zeros((rows, columns), bool)
        points = splat(file.load(frame.name), height, width, grid, matrix=matrix)
        covered = points != NO_POINT
        seen = features[points[covered]]
        if not np.isfinite(seen).all():
            raise PointFeaturesError(
                f"{self.features.path(frame.scene)} has features that are no finite numbers; write "
                "them anew with 'python -m training points features'"
            )
        values[:, covered] = seen.T
        return values, covered
