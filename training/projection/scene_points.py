# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The points that a scene's frames show, to be looked at: what `project` has stored, else anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training.data.labelled_frames import DatasetError
from training.data.manifest import ManifestRow, ScanRow
from training.data.scan import Scan
from training.projection.depth_test import DepthTolerance
from training.projection.projected_scene import current_record
from training.projection.rule_text import rule_text
from training.projection.scene_figures import FrameFigures
from training.projection.scene_file import points_sha256
from training.projection.scene_projection import (
    ProjectionJob,
    ProjectionRule,
    SceneProjection,
)
from training.projection.visible_file import StoredFrame, VisiblePointsFile
from training.projection.visible_points import VisiblePoints

VISIBLE_POINTS = "visible_points"
"""Folder in the prepared data set that `project` writes to by default."""


@dataclass(frozen=True, eq=False)
class FramePoints:
    """The visible points of one frame, as they are stored, and what was found."""

    visible: VisiblePoints
    figures: FrameFigures


class ScenePoints:
    """Points of one scene's scan in its frames.

    Args:
        prepared: folder that `prepare` wrote.
        rows: frames of the scene, at least one.
        scan_row: of its points.
        scan: the same, read.

    Attributes:
        rule: by which points are visible: that of the stored file, else the default.
        source: a sentence on where the points come from.

    Raises:
        DatasetError: if the scene's name can't be that of a file.
    """

    def __init__(
        self, prepared: Path, rows: Sequence[ManifestRow], scan_row: ScanRow, scan: Scan
    ) -> None:
        default = ProjectionJob(
            prepared.resolve(),
            (prepared / VISIBLE_POINTS).resolve(),
            rows[0].scene,
            rows[0].split,
            tuple(rows),
            scan_row,
            ProjectionRule(),
        )
        self._file = _current_file(default, points_sha256(scan.points))
        self.rule = default.rule if self._file is None else _rule(self._file.header.settings)
        self._projection = SceneProjection(scan, self.rule, default.folder)
        name = f"{VISIBLE_POINTS}/{default.file.name}"
        if self._file is not None:
            self.source = f"Points are those that project has stored in {name}, "
        elif default.file.exists():
            self.source = (
                f"{name} is out of date (made from other files or frames than there are now, or "
                "by another version of project), so that points are projected anew by its default "
                "rule, "
            )
        else:
            self.source = (
                f"There is no {name} of project, so that points are projected here by its "
                "default rule, "
            )
        self.source += f"{rule_text(self.rule)}."

    def of(self, row: ManifestRow) -> FramePoints:
        """What a frame shows.

        Raises:
            NotProjectedError: with the reason why that can't be said.
            DatasetError: if the stored file is damaged.
        """
        frame, _, figures = self._projection.project(row, look_through=True)
        assert isinstance(frame, StoredFrame)
        if self._file is None:
            return FramePoints(frame.decode(), figures)
        return FramePoints(self._file.load(row.frame), figures)


def _current_file(default: ProjectionJob, scan_sha256: str) -> VisiblePointsFile | None:
    """The scene's file, whatever its rule, if it would not be made anew by that rule."""
    try:
        file = VisiblePointsFile(default.file, scan_sha256)
        rule = _rule(file.header.settings)
    except (DatasetError, TypeError, KeyError):
        return None
    record = current_record(replace(default, rule=rule))
    return file if record is not None and record.projected else None


def _rule(settings: dict[str, Any]) -> ProjectionRule:
    return ProjectionRule(settings["visibility"], DepthTolerance(**settings["tolerance"]))
