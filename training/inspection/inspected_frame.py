# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""A frame's files together with the points of the scan that it shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError
from training.data.depth_images import read_depth
from training.data.frame_checks import decode, read_bytes
from training.data.intrinsics import Array
from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestRow
from training.data.scan import Scan
from training.inspection.prepared_scene import InspectedScene
from training.projection.geometry import FrameGeometry, camera_points
from training.projection.scene_figures import FrameFigures, NotProjectedError
from training.projection.scene_points import ScenePoints
from training.projection.visible_points import VisiblePoints


@dataclass(frozen=True, eq=False)
class Projection:
    """Points of the scan that a frame shows.

    Attributes:
        visible: where and which, near to far.
        depth: of each of them, float32 (K,), metres along the optical axis.
        classes: of each of them, (K,), ids of the label space; None for a scan without labels.
        figures: what decided, and what is covered and occluded.
        agreement: share of the points with a class whose pixel's label is the same, among those
            whose pixel has one; None where there is no such point.
    """

    visible: VisiblePoints
    depth: Array
    classes: npt.NDArray[Any] | None
    figures: FrameFigures
    agreement: float | None


@dataclass(eq=False)
class InspectedFrame:
    """A frame as far as its files can be read.

    Attributes:
        number: among the scene's frames, from 1.
        row: its line in the manifest.
        image: uint8 RGB (H, W, 3); None if it can't be read.
        labels: (H, W), ids of the label space; None where there are none.
        depth: float32 (h, w), metres, 0 = none; None where there is none.
        projection: the points that it shows; None where that can't be said.
        missing: a sentence for each of "image", "labels", "depth" and "points" that can't be
            shown: why.
    """

    number: int
    row: ManifestRow
    image: npt.NDArray[np.uint8] | None = None
    labels: npt.NDArray[Any] | None = None
    depth: Array | None = None
    projection: Projection | None = None
    missing: dict[str, str] = field(default_factory=dict)


class FrameInspector:
    """Reads frames of one scene and projects its scan into them.

    Args:
        scene: of the frames.
        scan: its points; None where there are none.

    Raises:
        DatasetError: if the scene's name can't be that of a file.
    """

    def __init__(self, scene: InspectedScene, scan: Scan | None) -> None:
        self._scene = scene
        self._scan = scan
        self._classes = None
        if scan is not None and scan.labels is not None:
            self._classes = scene.table[scan.labels]
        self._points = None
        if scan is not None and scene.scan_row is not None and scene.rows:
            self._points = ScenePoints(scene.folder, scene.rows, scene.scan_row, scan)

    @property
    def points_source(self) -> str | None:
        """A sentence on where the projected points come from; None where there are none."""
        return None if self._points is None else self._points.source

    def inspect(self, position: int) -> InspectedFrame:
        """Read a frame; what can't be read or projected is said in ``missing``.

        Args:
            position: of its row.
        """
        frame = InspectedFrame(position + 1, self._scene.rows[position])
        for part, read in (
            ("image", self._read_image),
            ("labels", self._read_labels),
            ("depth", self._read_depth),
            ("points", self._project),
        ):
            try:
                read(frame)
            except (DefectError, DatasetError) as error:
                text = str(error)
                frame.missing[part] = f"{text[0].upper()}{text[1:]}."
            if frame.image is None:
                break
        return frame

    def _read_image(self, frame: InspectedFrame) -> None:
        path = self._scene.folder / frame.row.image
        image = decode(read_bytes(path), path, cv2.IMREAD_COLOR)
        frame.image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def _read_labels(self, frame: InspectedFrame) -> None:
        if frame.row.label is None:
            raise DatasetError("The frame has no label image")
        path = self._scene.folder / frame.row.label
        ids = decode(read_bytes(path), path)
        assert frame.image is not None
        if ids.shape != frame.image.shape[:2] or ids.dtype.kind != "u":
            raise DatasetError(
                f"{path} is of shape {ids.shape} and type {ids.dtype}, its image of "
                f"{frame.image.shape[:2]}; labels are one-channel images of the same size, of 8 "
                "or 16 bits"
            )
        frame.labels = self._scene.table[ids]

    def _read_depth(self, frame: InspectedFrame) -> None:
        if frame.row.depth is None:
            raise DatasetError("The frame has no depth image")
        frame.depth = read_depth(self._scene.folder / frame.row.depth, frame.row)

    def _project(self, frame: InspectedFrame) -> None:
        if self._scan is None or self._points is None:
            raise DatasetError("The scene has no points that can be projected")
        try:
            points = self._points.of(frame.row)
        except NotProjectedError as error:
            more = f" ({error})" if str(error) else ""
            raise DatasetError(f"No points are projected: {error.reason.value}{more}") from error
        visible = points.visible
        classes = None if self._classes is None else self._classes[visible.index]
        pose = FrameGeometry.from_row(frame.row).pose
        frame.projection = Projection(
            visible,
            camera_points(self._scan.points[visible.index], pose)[:, 2],
            classes,
            points.figures,
            self._agreement(frame, visible, classes),
        )

    def _agreement(
        self, frame: InspectedFrame, visible: VisiblePoints, classes: npt.NDArray[Any] | None
    ) -> float | None:
        if classes is None or frame.labels is None:
            return None
        height, width = frame.labels.shape
        column = np.clip(np.rint(visible.u).astype(np.intp), 0, width - 1)
        row = np.clip(np.rint(visible.v).astype(np.intp), 0, height - 1)
        seen = frame.labels[row, column]
        unlabeled = self._scene.label_space.unlabeled
        both = (classes != unlabeled) & (seen != unlabeled)
        return float((classes == seen)[both].mean()) if both.any() else None
