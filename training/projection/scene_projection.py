# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""From a scene's scan and a frame to what the frame shows."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.defects import DefectError, DefectKind
from training.data.depth_images import read_depth
from training.data.manifest import ManifestRow, ScanRow
from training.data.scan import Scan
from training.projection.depth_test import DepthTolerance
from training.projection.feature_grid import FeatureGrid
from training.projection.geometry import FrameGeometry
from training.projection.legacy import LegacyMap, legacy_map, legacy_pixel_map
from training.projection.scene_figures import (
    FrameFigures,
    NotProjected,
    NotProjectedError,
)
from training.projection.scene_file import scene_path
from training.projection.splat import share_covered, splat
from training.projection.visibility import SurfaceVisibility, visible_by_depth
from training.projection.visible_file import (
    MAX_SIZE,
    StoredFrame,
)
from training.projection.visible_points import NO_POINT, VisiblePoints

RULES_VERSION = 2
"""To be counted up when the same input gives other points than before."""
CELL = 8
"""Stride in pixels of the feature cells that figures are given for."""
LOOKED_THROUGH = 4
"""Frames of a scene in which occluded points are counted: rays are slower than all the rest."""

Map = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class ProjectionRule:
    """How it is decided which points a frame shows.

    Attributes:
        visibility: depth, mesh, or auto: by depth where the frame has it, else by the mesh.
        tolerance: of the comparison with the depth, that of the mesh likewise.
        legacy: the published rule instead.
    """

    visibility: str = "auto"
    tolerance: DepthTolerance = DepthTolerance()  # noqa: RUF009 - frozen
    legacy: bool = False


@dataclass(frozen=True)
class ProjectionJob:
    """One scene to project.

    Attributes:
        folder: of the manifest, absolute.
        out: folder of the files, absolute.
        scene: name.
        split: of its frames.
        rows: its frames.
        scan: its points; None where it has none.
        rule: of visibility.
    """

    folder: Path
    out: Path
    scene: str
    split: str
    rows: tuple[ManifestRow, ...]
    scan: ScanRow | None
    rule: ProjectionRule

    @property
    def file(self) -> Path:
        """The scene's file of visible points or maps."""
        return scene_path(self.out, self.scene)

    @property
    def record(self) -> Path:
        """The record of what it was made from."""
        return scene_path(self.out, self.scene, ".record.json")

    def depth_images(self) -> list[str]:
        """Paths of those that the rule reads, as the manifest has them."""
        if not self.rule.legacy and self.rule.visibility == "mesh":
            return []
        return [row.depth for row in self.rows if row.depth is not None]

    def settings(self) -> dict[str, Any]:
        """The rule as plain JSON types."""
        return {"rules_version": RULES_VERSION, **asdict(self.rule)}

    def inputs_sha256(self) -> str:
        """Fingerprint of the lines of the manifest and the rule."""
        scan = asdict(self.scan) if self.scan else None
        inputs = [self.settings(), scan, [asdict(row) for row in self.rows]]
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


class SceneProjection:
    """Projects the frames of one scene.

    Args:
        scan: its points.
        rule: of visibility.
        folder: that paths in rows are relative to.
    """

    def __init__(self, scan: Scan, rule: ProjectionRule, folder: Path) -> None:
        self._scan = scan
        self._rule = rule
        self._folder = folder

    @functools.cached_property
    def _surface(self) -> SurfaceVisibility:
        return SurfaceVisibility(self._scan)

    def project(
        self, row: ManifestRow, *, look_through: bool = False
    ) -> tuple[StoredFrame | LegacyMap, FrameGeometry, FrameFigures]:
        """Project into one frame.

        Args:
            row: the frame.
            look_through: whether to count the occluded points, where the scan has faces and the
                mesh has not decided what is visible.

        Returns:
            What is stored of it, a LegacyMap by the published rule; its cameras; and what was
            found.

        Raises:
            NotProjectedError: with the reason.
        """
        if row.pose is None:
            raise NotProjectedError(NotProjected.NO_POSE)
        if row.intrinsics is None:
            raise NotProjectedError(NotProjected.NO_INTRINSICS)
        try:
            geometry = FrameGeometry.from_row(row)
        except DefectError as error:
            raise NotProjectedError(NotProjected.UNUSABLE_CAMERA, str(error)) from error
        height, width = geometry.intrinsics.height, geometry.intrinsics.width
        if max(height, width) > MAX_SIZE:
            raise NotProjectedError(
                NotProjected.TOO_LARGE,
                f"{row.image} is {width}x{height} pixels, and visible points are stored up to "
                f"{MAX_SIZE}x{MAX_SIZE}",
            )
        frame: StoredFrame | LegacyMap
        if self._rule.legacy:
            by = "published"
            frame, pixels = self._legacy(row, geometry)
            cells = frame.index()
            count = int((cells != NO_POINT).sum())
        else:
            by = self._decided_by(row)
            visible = self._visible(row, geometry, by)
            try:
                frame = _encode(visible, geometry, row)
            except DefectError as error:
                raise NotProjectedError(NotProjected.OUTSIDE, str(error)) from error
            pixels = splat(visible, height, width)
            cells = splat(visible, height, width, FeatureGrid.from_edges(CELL))
            count = len(visible)
        figures = FrameFigures(row.frame, by, count, share_covered(pixels), share_covered(cells))
        if look_through and self._scan.faces is not None and by != "mesh":
            figures = replace(
                figures,
                occluded=self._surface.share_occluded(pixels, geometry),
                occluded_cells=self._surface.share_occluded(cells, geometry),
            )
        return frame, geometry, figures

    def _decided_by(self, row: ManifestRow) -> str:
        rule = self._rule.visibility
        if rule != "mesh" and row.depth is not None:
            return "depth"
        if rule == "depth":
            raise NotProjectedError(NotProjected.NO_DEPTH)
        if self._scan.faces is None:
            auto = rule == "auto"
            raise NotProjectedError(NotProjected.NO_FACES if auto else NotProjected.NO_MESH)
        return "mesh"

    def _visible(self, row: ManifestRow, geometry: FrameGeometry, by: str) -> VisiblePoints:
        if by == "mesh":
            return self._surface.visible(geometry, tolerance=self._rule.tolerance)
        path = self._folder / str(row.depth)
        try:
            depth = read_depth(path, row)
            camera = geometry.depth_intrinsics
            if depth.shape != (camera.height, camera.width):
                raise DefectError(
                    DefectKind.SIZE_MISMATCH,
                    path,
                    f"{path} is {depth.shape[1]}x{depth.shape[0]} pixels, its intrinsics are for "
                    f"{camera.width}x{camera.height}",
                )
        except DefectError as error:
            raise NotProjectedError(NotProjected.UNREADABLE_DEPTH, str(error)) from error
        return visible_by_depth(self._scan.points, geometry, depth, tolerance=self._rule.tolerance)

    def _legacy(self, row: ManifestRow, geometry: FrameGeometry) -> tuple[LegacyMap, Map]:
        """The map of cells, and the map of pixels with ``NO_POINT`` for none."""
        if row.depth is None:
            raise NotProjectedError(NotProjected.NO_DEPTH)
        try:
            depth = read_depth(self._folder / row.depth, row, np.float64)
        except DefectError as error:
            raise NotProjectedError(NotProjected.UNREADABLE_DEPTH, str(error)) from error
        pixels = legacy_pixel_map(self._scan.points, geometry.pose, geometry.intrinsics, depth)
        return legacy_map(pixels), np.where(pixels == 0, np.uint32(NO_POINT), pixels)


def _encode(visible: VisiblePoints, geometry: FrameGeometry, row: ManifestRow) -> StoredFrame:
    try:
        return StoredFrame.encode(visible, geometry.intrinsics.height, geometry.intrinsics.width)
    except (ValueError, OverflowError) as error:
        raise DefectError(
            DefectKind.INTRINSICS_MISMATCH,
            row.image,
            f"the scan of '{row.scene}' has points that lie outside of the image of the frame "
            f"'{row.frame}', which can't be stored ({error})",
        ) from error
