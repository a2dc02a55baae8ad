# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb ``project``: every scene of a prepared data set, and what was covered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from training.data.labelled_frames import DatasetError
from training.data.manifest import (
    DATASET,
    MANIFEST,
    SCANS_LIST,
    ManifestRow,
    read_manifest,
    read_scans,
)
from training.projection.coverage import COVERAGE, summarise, write_coverage
from training.projection.coverage_page import REPORT, write_coverage_page
from training.projection.projected_scene import current_record, project_scene
from training.projection.scene_figures import SceneFigures
from training.projection.scene_projection import ProjectionJob, ProjectionRule
from training.scene_jobs import run_scene_jobs


@dataclass(frozen=True)
class ProjectedScenes:
    """What was found.

    Attributes:
        out: folder of the files.
        scenes: those that were asked for, in the manifest's order.
        kept: number of scenes of other splits whose files are up to date, and which therefore are
            in the figures too.
        left_out: number of scenes of other splits that are not.
    """

    out: Path
    scenes: list[SceneFigures]
    kept: int = 0
    left_out: int = 0

    def text(self) -> str:
        """A summary for people."""
        lines = []
        for split, figures in summarise(self.scenes).items():
            line = (
                f"{split}: {figures['projected']} of {figures['frames']} frames of "
                f"{figures['scenes']} scenes projected"
            )
            if figures["projected"]:
                line += f", {figures['covered']:.2f} % of the pixels covered"
            if figures["occluded"] is not None:
                line += f", {figures['occluded']:.2f} % of these by an occluded point"
            lines.append(line)
        reasons = Counter(r for scene in self.scenes for r in scene.not_projected.values())
        lines += [f"  {count:6} not projected: {reason}" for reason, count in reasons.most_common()]
        lines.append(f"{self.out / COVERAGE} and {self.out / REPORT} have the figures")
        if self.kept:
            lines[-1] += f", also of {self.kept} scenes of other splits, which are up to date"
        if self.left_out:
            lines.append(
                f"{self.left_out} scenes of other splits are not in them: they have yet to be "
                "projected by this rule from what is there now"
            )
        return "\n".join(lines)


def project_scenes(
    prepared: Path,
    out: Path,
    rule: ProjectionRule,
    *,
    split: str | None = None,
    workers: int | None = None,
    ray_address: str | None = None,
) -> ProjectedScenes:
    """Project every scene and report; scenes that are there, made from the same, are kept.

    Writes ``<scene>.safetensors`` for each scene with a scan, ``<scene>.record.json`` for each,
    ``coverage.json`` and ``report.html``. The latter two have the scenes of all splits that are
    projected by this rule from what is there now.

    Args:
        prepared: folder that `prepare` wrote.
        out: folder to write to.
        rule: of visibility.
        split: the only one to project; None for all.
        workers: processes, or tasks of Ray at a time; see
            :func:`training.scene_jobs.run_scene_jobs`.
        ray_address: of a Ray cluster, see there.

    Raises:
        DatasetError: if the manifest can't be read, has no frame of the split, or no frame of it
            can be projected.
        OSError: if something can't be written.
    """
    jobs = projection_jobs(prepared, out, rule, split)
    found: dict[str, SceneFigures] = {}
    todo = []
    for job in jobs:
        record = current_record(job)
        if record is not None and record.complete:
            found[job.scene] = record.figures
        else:  # what is missing or can't be read is looked for again
            todo.append(job)
    _refuse_absent(prepared, jobs)
    total = sum(len(job.rows) for job in jobs)
    left = sum(len(job.rows) for job in todo)
    with tqdm(total=total, initial=total - left, unit="frame", smoothing=0) as bar:
        for figures in run_scene_jobs(
            project_scene, todo, workers=workers, ray_address=ray_address
        ):
            found[figures.scene] = figures
            bar.update(len(figures.frames) + len(figures.not_projected))
    scenes = [found[job.scene] for job in jobs]
    every = {job.scene: job for job in jobs}
    if split is not None:
        every = {job.scene: job for job in projection_jobs(prepared, out, rule)} | every
        for job in every.values():
            if job.scene not in found and (record := current_record(job)) is not None:
                found[job.scene] = record.figures
    _report(prepared, out, rule, [job for job in every.values() if job.scene in found], found)
    if not any(scene.frames for scene in scenes):
        reasons = Counter(r for scene in scenes for r in scene.not_projected.values())
        raise DatasetError(
            f"no frame of {prepared / MANIFEST} can be projected: "
            + ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
        )
    return ProjectedScenes(out, scenes, len(found) - len(jobs), len(every) - len(found))


def _refuse_absent(prepared: Path, jobs: list[ProjectionJob]) -> None:
    """Raise where none of the scans, or of the depth images, is there: a disk that is not mounted.

    Each scene would else be projected anew, and what was found before be lost.
    """
    listed = {
        "scans": [job.scan.path for job in jobs if job.scan is not None],
        "depth images": [path for job in jobs for path in job.depth_images()],
    }
    for what, paths in listed.items():
        if paths and not any((prepared / path).exists() for path in paths):
            raise DatasetError(
                f"none of the {len(paths)} {what} that {prepared} lists is there (the first is "
                f"{prepared / paths[0]}): is the data set's disk mounted? Nothing was changed"
            )


def _report(
    prepared: Path,
    out: Path,
    rule: ProjectionRule,
    jobs: list[ProjectionJob],
    found: dict[str, SceneFigures],
) -> None:
    scenes = [found[job.scene] for job in jobs]
    out.mkdir(parents=True, exist_ok=True)
    write_coverage(out, rule, scenes)
    if any(scene.frames for scene in scenes):
        write_coverage_page(out, prepared, rule, scenes, jobs)


def projection_jobs(
    prepared: Path, out: Path, rule: ProjectionRule, split: str | None = None
) -> list[ProjectionJob]:
    """The scenes of a prepared data set, in the manifest's order.

    Raises:
        DatasetError: if the manifest can't be read, has no frame of the split, or names a frame
            twice.
    """
    manifest = read_manifest(prepared)
    scans = {}
    # A folder of images and masks has no such list; a published data set always has.
    if (prepared / SCANS_LIST).is_file() or (prepared / DATASET).is_file():
        scans = {scan.scene: scan for scan in read_scans(prepared)}
    rows: dict[str, list[ManifestRow]] = {}
    for row in manifest:
        if split in (None, row.split):
            rows.setdefault(row.scene, []).append(row)
    if not rows:
        splits = sorted({row.split for row in manifest})
        raise DatasetError(
            f"{prepared / MANIFEST} has no frame of the split '{split}', only of "
            f"{', '.join(splits) or 'none'}"
        )
    for scene, frames in rows.items():
        twice, count = Counter(row.frame for row in frames).most_common(1)[0]
        if count > 1:
            raise DatasetError(
                f"{prepared / MANIFEST} has {count} frames '{twice}' of the scene '{scene}'; make "
                "it anew with 'python -m training prepare'"
            )
    return [
        ProjectionJob(
            prepared.resolve(),
            out.resolve(),
            scene,
            frames[0].split,
            tuple(frames),
            scans.get(scene),
            rule,
        )
        for scene, frames in rows.items()
    ]
