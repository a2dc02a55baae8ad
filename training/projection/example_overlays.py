# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of frames with the points that they show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from seg3d2d_ros.labels import LabelSpace
from training.data.defects import DefectError
from training.data.frame_checks import decode, read_bytes
from training.data.manifest import LABEL_SPACE, ManifestRow, read_description
from training.data.open_scan import open_scan
from training.data.resizing import resize_matrix
from training.data.scan import Scan
from training.projection.dot_colors import lifted
from training.projection.feature_grid import FeatureGrid
from training.projection.legacy_file import LegacyMapsFile
from training.projection.scene_projection import ProjectionJob
from training.projection.splat import splat
from training.projection.visible_file import VisiblePointsFile
from training.projection.visible_points import NO_POINT

WIDTH = 480
"""Of a picture, pixels."""
_DOT = 2
"""Of a point, pixels."""
_DIMMED = 0.35
_QUALITY = 85
_UNLABELLED = (160, 160, 160)

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ExampleOverlay:
    """One frame: scene and name, a JPEG, and the ids of the classes in it."""

    name: str
    picture: bytes
    classes: frozenset[int]


class PointColors:
    """Colours of a scan's points: those of their classes, or their own where these are unknown.

    Args:
        prepared: folder that `prepare` wrote.

    Raises:
        LabelSpaceError: if its label space can't be read.
        DatasetError: if its description can't be read.
    """

    def __init__(self, prepared: Path) -> None:
        self.label_space = LabelSpace.load(prepared / LABEL_SPACE)
        source = read_description(prepared).get("label_source")
        known = source in self.label_space.source_ids
        self._table = self.label_space.lookup(str(source)) if known else None

    def classes(self, scan: Scan) -> npt.NDArray[Any] | None:
        """Class ids by point, (N,); None where there are no labels."""
        if scan.labels is None or self._table is None:
            return None
        classes: npt.NDArray[Any] = self._table[scan.labels]
        return classes

    def of(self, scan: Scan) -> Image:
        """RGB, uint8 (N, 3)."""
        classes = self.classes(scan)
        if classes is None:
            return scan.colors
        palette = self.label_space.palette()
        palette[self.label_space.unlabeled] = _UNLABELLED
        return palette[classes]


def draw_overlays(
    job: ProjectionJob, frames: list[str], colors: PointColors
) -> list[ExampleOverlay]:
    """Each frame's image beside its dimmed image with its points in their colours.

    Args:
        job: its scene, projected.
        frames: their names; one whose image can't be read is left out.
        colors: of points.

    Raises:
        DatasetError: if the scene's file can't be read.
    """
    assert job.scan is not None
    try:
        scan = open_scan(job.folder, job.scan)
    except DefectError:
        return []
    overlays = []
    rows = {row.frame: row for row in job.rows}
    point_colors, classes = colors.of(scan), colors.classes(scan)
    for name in frames:
        try:
            path = job.folder / rows[name].image
            image = decode(read_bytes(path), path, cv2.IMREAD_COLOR)
        except DefectError:
            continue
        height = max(1, round(image.shape[0] * WIDTH / image.shape[1]))
        index = _index_map(job, rows[name], height)
        image = cv2.resize(image, (WIDTH, height), interpolation=cv2.INTER_AREA)[..., ::-1]
        covered = index != NO_POINT
        overlay = (image * _DIMMED).astype(np.uint8)
        overlay[covered] = lifted(point_colors[index[covered]])
        present = frozenset() if classes is None else frozenset(classes[index[covered]].tolist())
        row = np.ascontiguousarray(np.hstack([image, overlay])[..., ::-1])
        _, data = cv2.imencode(".jpg", row, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        overlays.append(ExampleOverlay(f"{job.scene}/{name}", data.tobytes(), present))
    return overlays


def _index_map(job: ProjectionJob, row: ManifestRow, height: int) -> npt.NDArray[np.uint32]:
    """The point of each pixel of the picture, uint32 (height, WIDTH)."""
    if job.rule.legacy:
        cells = LegacyMapsFile(job.file).load(row.frame).index()
        rows = np.arange(height) * cells.shape[0] // height
        columns = np.arange(WIDTH) * cells.shape[1] // WIDTH
        return cells[rows[:, None], columns]
    file = VisiblePointsFile(job.file)
    matrix = resize_matrix(file.size(row.frame), (height, WIDTH))
    visible = file.load(row.frame)
    dots = splat(visible, height, WIDTH, FeatureGrid.from_edges(_DOT), matrix=matrix)
    return dots.repeat(_DOT, 0).repeat(_DOT, 1)[:height, :WIDTH]
