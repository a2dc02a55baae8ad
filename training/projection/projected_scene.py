# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""One scene's files: what its frames show, and the record of what that was made from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from seg3d2d_ros.atomic_file import write_file
from training.data.defects import DefectError
from training.data.labelled_frames import DatasetError
from training.data.open_scan import open_scan
from training.data.scan import Scan
from training.projection.legacy_file import LegacyMapsFile
from training.projection.scene_figures import NotProjected, NotProjectedError, SceneFigures
from training.projection.scene_file import SceneFile, SceneSource, points_sha256
from training.projection.scene_file_writer import SceneFileWriter
from training.projection.scene_projection import LOOKED_THROUGH, ProjectionJob, SceneProjection
from training.projection.visible_file import VisiblePointsFile


@dataclass(frozen=True)
class SceneRecord:
    """What a scene was projected from, and what was found: ``<scene>.record.json``.

    It is no part of the scene's file, which is the same from the same content.

    Attributes:
        inputs_sha256: of the manifest's lines and the rule, see
            :meth:`ProjectionJob.inputs_sha256`.
        files: size in bytes and time of the last change in nanoseconds, of the scan's files and
            the depth images, by their paths as the manifest's lines have them; None where there
            was no such file.
        projected: whether there is a file of the scene; not without a readable scan.
        figures: what was found.
    """

    inputs_sha256: str
    files: dict[str, list[int] | None]
    projected: bool
    figures: SceneFigures

    @property
    def complete(self) -> bool:
        """Whether nothing was left out that reading again may give although no file has changed."""
        passing = {NotProjected.UNREADABLE_SCAN.value, NotProjected.UNREADABLE_DEPTH.value}
        return self.projected and passing.isdisjoint(self.figures.not_projected.values())

    def write(self, path: Path) -> None:
        """Write the record.

        Raises:
            OSError: if it can't be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, (json.dumps(asdict(self), sort_keys=True) + "\n").encode())

    @classmethod
    def read(cls, path: Path) -> SceneRecord:
        """Read a record.

        Raises:
            OSError: if it is missing or can't be read.
            ValueError, TypeError, KeyError: if it is damaged.
        """
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**content, "figures": SceneFigures.from_mapping(content["figures"])})


def current_record(job: ProjectionJob) -> SceneRecord | None:
    """The record of a scene that was projected by the same rule from what is there now.

    The manifest's lines must be the same, the scan's files and the depth images of the same sizes
    and times, and the scene's file whole.
    """
    try:
        record = SceneRecord.read(job.record)
        if record.inputs_sha256 != job.inputs_sha256() or record.files != _input_files(job):
            return None
        if record.projected and _kind(job)(job.file).header.inputs_sha256 != record.inputs_sha256:
            return None
    except (DatasetError, OSError, ValueError, TypeError, KeyError):
        return None
    return record


def _kind(job: ProjectionJob) -> type[SceneFile]:
    return LegacyMapsFile if job.rule.legacy else VisiblePointsFile


def _input_files(job: ProjectionJob) -> dict[str, list[int] | None]:
    """Sizes and times as :class:`SceneRecord` has them."""
    names = []
    if job.scan is not None:
        folder = job.folder / job.scan.path
        inside = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        names += [job.scan.path, *(f"{job.scan.path}/{name}" for name in inside)]
    names += job.depth_images()
    return {name: _size_and_time(job.folder / name) for name in names}


def _size_and_time(path: Path) -> list[int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def project_scene(job: ProjectionJob) -> SceneFigures:
    """Project one scene; its file and record are there when it is done.

    Where the manifest has no scan, or it can't be read, there is no file, and one of before is
    removed. While the scan or all depth images are away, what was there before stays.

    Raises:
        DatasetError: if the scene's name or its scan's format can't be used.
        OSError: if something can't be written.
    """
    cv2.setNumThreads(1)
    figures = SceneFigures(job.scene, job.split)
    away = _away(job)
    if away is not None:
        _leave_out(job, figures, away)
        return figures
    # Without it what is left by an interruption is projected again, whatever it was made from.
    job.record.unlink(missing_ok=True)
    # Before they are read, so that what changes meanwhile is seen next time.
    files = _input_files(job)
    try:
        scan = _read_scan(job)
    except NotProjectedError as error:
        job.file.unlink(missing_ok=True)
        _leave_out(job, figures, error)
        projected = False
    else:
        _project_frames(job, scan, figures)
        projected = True
    SceneRecord(job.inputs_sha256(), files, projected, figures).write(job.record)
    return figures


def _project_frames(job: ProjectionJob, scan: Scan, figures: SceneFigures) -> None:
    projection = SceneProjection(scan, job.rule, job.folder)
    looked_through = np.linspace(0, len(job.rows) - 1, min(LOOKED_THROUGH, len(job.rows)))
    chosen = set(looked_through.astype(int).tolist())
    source = SceneSource(
        job.scene,
        len(scan.points),
        points_sha256(scan.points),
        job.inputs_sha256(),
        job.settings(),
    )
    with SceneFileWriter(_kind(job), job.file, source) as writer:
        for number, row in enumerate(job.rows):
            try:
                frame, geometry, found = projection.project(row, look_through=number in chosen)
            except NotProjectedError as error:
                writer.leave_out(row.frame)
                figures.not_projected[row.frame] = error.reason.value
                _note(figures, error)
            else:
                writer.add(row.frame, geometry, frame)
                figures.frames.append(found)


def _away(job: ProjectionJob) -> NotProjectedError | None:
    """Why nothing can be done now: what the manifest lists is not there, as of an absent disk."""
    listed = {
        NotProjected.UNREADABLE_SCAN: [job.scan.path] if job.scan is not None else [],
        NotProjected.UNREADABLE_DEPTH: job.depth_images(),
    }
    for reason, paths in listed.items():
        if paths and not any((job.folder / path).exists() for path in paths):
            text = f"{job.folder / paths[0]} is not there; what was projected before stays"
            return NotProjectedError(reason, text)
    return None


def _leave_out(job: ProjectionJob, figures: SceneFigures, error: NotProjectedError) -> None:
    """Count all frames of a scene as not projected."""
    for row in job.rows:
        figures.not_projected[row.frame] = error.reason.value
    _note(figures, error)


def _note(figures: SceneFigures, error: NotProjectedError) -> None:
    if str(error):
        figures.notes.append(str(error))


def _read_scan(job: ProjectionJob) -> Scan:
    if job.scan is None:
        raise NotProjectedError(NotProjected.NO_SCAN)
    try:
        return open_scan(job.folder, job.scan)
    except DefectError as error:
        raise NotProjectedError(NotProjected.UNREADABLE_SCAN, str(error)) from error
