# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Features of the points that a frame shows, where they lie in the image that the network sees."""

from __future__ import annotations

import logging
import threading
from collections import Counter
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
from training.points.features.finite_features import NotFiniteError, check_finite
from training.projection.feature_grid import FeatureGrid
from training.projection.scene_file import scene_path
from training.projection.splat import splat
from training.projection.visible_file import VisiblePointsFile
from training.projection.visible_points import NO_POINT

logger = logging.getLogger(__name__)

_OPEN_SCENES = 256
"""Whose files stay open; their arrays are mapped, not read."""


@dataclass(frozen=True)
class Pairing:
    """How many frames have features of points.

    Attributes:
        paired: frames with visible points of a scene with features.
        not_projected: frames that `project` could not project.
        without_features: frames of scenes that have no features.
        not_finite: frames of scenes that are left out, as far as that is known.
    """

    paired: int
    not_projected: int
    without_features: int
    not_finite: int = 0

    def text(self) -> str:
        """A sentence."""
        text = f"{counted(self.paired, 'training frame')} with features of a 3D network"
        if self.not_projected:
            text += f", {self.not_projected:,} not projected"
        if self.without_features:
            text += f", {self.without_features:,} of scenes without features"
        if self.not_finite:
            text += f", {self.not_finite:,} of scenes whose features hold NaN or inf"
        return text


class ProjectedFeatures:
    """Features of a 3D network in the frames of one prepared data set.

    A scene of whose features any is NaN or inf is left out as a whole, with a warning: its frames
    count as not paired. Whether one is depends on its files alone, so frames have the same features
    in whatever order they are loaded, and in a run that goes on. Where the record of a scene shows
    it, it is known when the scene is opened; else when features of it are first loaded, for which
    all of them are looked at once. Several threads may load.

    Args:
        features: of the scenes' points.
        visible_points: folder that `project` wrote.

    Attributes:
        left_out: why, by scene, as far as it is known.
    """

    def __init__(self, features: PointFeatures, visible_points: Path) -> None:
        self.features, self.visible_points = features, visible_points
        self.left_out: dict[str, str] = {}
        self._scene = lru_cache(_OPEN_SCENES)(self._open)
        self._finite: set[str] = set()
        self._frames: Counter[str] = Counter()
        """Projected frames by scene with features, of those that were paired."""
        self._noting = threading.Lock()

    @property
    def frames_left_out(self) -> int:
        """How many of the frames that :meth:`pairing` looked at are of scenes left out so far."""
        return sum(self._frames[scene] for scene in tuple(self.left_out))

    def _open(self, scene: str) -> tuple[VisiblePointsFile, npt.NDArray[np.float16] | None]:
        file = VisiblePointsFile(scene_path(self.visible_points, scene))
        if not self.features.path(scene).exists():
            return file, None
        header = file.header
        try:
            return file, self.features.load_by_points(scene, header.points, header.scan_sha256)
        except NotFiniteError as error:
            self._leave_out(scene, error)
            return file, None

    def _looked_through(
        self, scene: str
    ) -> tuple[VisiblePointsFile, npt.NDArray[np.float16] | None]:
        """A scene's files; no features where it has none or is left out."""
        file, features = self._scene(scene)
        if features is not None and scene not in self._finite and scene not in self.left_out:
            try:
                check_finite(features, str(self.features.path(scene)))
                self._finite.add(scene)
            except NotFiniteError as error:
                self._leave_out(scene, error)
        return file, None if scene in self.left_out else features

    def _leave_out(self, scene: str, error: NotFiniteError) -> None:
        with self._noting:
            if scene in self.left_out:
                return
            self.left_out[scene] = str(error)
        count = self._frames[scene]
        frames = counted(count, "training frame") if count else "training frames"
        logger.warning("%s; the %s of the scene train by labels alone", error, frames)

    def pairing(self, frames: LabelledFrames) -> Pairing:
        """Look at which frames have features.

        Raises:
            PointFeaturesError: if features of all scenes that have any hold NaN or inf.
            DatasetError: if a scene's visible points are missing, damaged, or of another scan than
                its features; if they were made without one of the frames, or, where the data set
                is a prepared one, with another image size, pose or camera.
        """
        paired: Counter[str] = Counter()
        not_projected = without_features = 0
        rows = frames.rows if isinstance(frames, ManifestFrames) else [None] * len(frames)
        for frame, row in zip(frames.frames, rows, strict=True):
            file, features = self._scene(frame.scene)
            if row is not None:
                file.check([row])
            if frame.name not in file.frames:
                not_projected += 1
            elif features is None and frame.scene not in self.left_out:
                without_features += 1
            else:
                paired[frame.scene] += 1
        self._frames = paired
        self._refuse_unless_one_is_finite()
        not_finite = self.frames_left_out
        return Pairing(paired.total() - not_finite, not_projected, without_features, not_finite)

    def _refuse_unless_one_is_finite(self) -> None:
        """Look through scenes up to the first that is: where all is well, through one."""
        for scene in self._frames:
            if self._looked_through(scene)[1] is not None:
                return
        if self._frames:
            raise PointFeaturesError(
                f"of {counted(len(self._frames), 'scene')} with features in {self.features.folder} "
                f"none can be learnt from: {next(iter(self.left_out.values()))}"
            )

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
            DatasetError: if a file is missing or damaged.
        """
        rows, columns = grid.shape(height, width)
        values = np.zeros((self.features.width, rows, columns), np.float16)
        file, features = self._looked_through(frame.scene)
        if features is None or frame.name not in file.frames:
            return values, np.zeros((rows, columns), bool)
        points = splat(file.load(frame.name), height, width, grid, matrix=matrix)
        covered = points != NO_POINT
        values[:, covered] = features[points[covered]].T
        return values, covered
