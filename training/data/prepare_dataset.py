# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb ``prepare`` for published data sets: every scene checked and listed."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from tqdm import tqdm

from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.labels import LabelSpace
from training.data.dataset_reader import DatasetReader
from training.data.defects import Defect, DefectKind, count_by_kind, defect_list
from training.data.frame_checks import check_frame
from training.data.labelled_frames import DatasetError
from training.data.manifest import (
    DATASET,
    DEFECTS,
    LABEL_SPACE,
    MANIFEST,
    ManifestRow,
    ScanRow,
    write_manifest,
    write_scans,
)
from training.data.manifest_paths import absolute_path, manifest_path
from training.data.scene_fingerprint import scene_fingerprint
from training.scene_jobs import run_scene_jobs

SCENES = "scenes"
"""Folder of what is finished: a JSON file for each scene."""
UNPACKED = "unpacked"
"""Folder of what readers unpack, by scene."""
EXAMPLES = 3
"""Defects of a kind that a summary shows."""


@dataclass(frozen=True)
class SceneJob:
    """One scene to prepare.

    Attributes:
        reader: of the data set.
        scene: name.
        split: of its frames.
        out: folder to write to.
        fingerprint: of the scene's files, taken before they are read, see
            :func:`training.data.scene_fingerprint.scene_fingerprint`.
    """

    reader: DatasetReader
    scene: str
    split: str
    out: Path
    fingerprint: str

    @property
    def finished(self) -> Path:
        """The file that is there when the scene has been prepared."""
        return self.out / SCENES / f"{self.scene}.json"

    @property
    def done(self) -> bool:
        """Whether nothing is left to do: read whole from the same files, and all unpacked is there.

        What something was left out of is read anew, as a file can't be read now and then for
        reasons that are not in it.
        """
        if not self.finished.is_file():
            return False
        try:
            result = self.result()
            return (
                result["fingerprint"] == self.fingerprint
                and not any(_may_pass(defect) for defect in result["defects"])
                and all((self.out / path).is_file() for path in result["unpacked"])
            )
        except (ValueError, TypeError, KeyError):  # of another version
            return False

    def result(self) -> dict[str, Any]:
        """What the file holds: fingerprint, names of unpacked files, rows, scan and defects."""
        result: dict[str, Any] = json.loads(self.finished.read_text(encoding="utf-8"))
        return result


@dataclass(frozen=True)
class PreparedDataset:
    """What was found.

    Attributes:
        folder: where the manifest is.
        frames: their number by split.
        scans: number of scenes with points.
        defects: all of them.
    """

    folder: Path
    frames: dict[str, int]
    scans: int
    defects: list[Defect]

    def text(self) -> str:
        """A summary for people."""
        frames = ", ".join(f"{count} {split}" for split, count in self.frames.items())
        lines = [f"{self.folder / MANIFEST}: frames: {frames or 'none'}; {self.scans} scans"]
        if self.defects:
            left_out = sum(defect.dropped for defect in self.defects)
            lines.append(
                f"{len(self.defects)} defects, {left_out} frames, scans or scenes left out for "
                f"them; all are in {self.folder / DEFECTS}:"
            )
            for kind, count in count_by_kind(self.defects).items():
                # Some of each, because thousands of one kind would hide the others.
                texts = [defect.text for defect in self.defects if defect.kind.value == kind]
                lines.append(f"  {count:6} {kind}{', such as' if count > EXAMPLES else ''}:")
                lines += [f"         {text}" for text in texts[:EXAMPLES]]
        return "\n".join(lines)


def prepare_dataset(
    reader: DatasetReader,
    out: Path,
    label_space: LabelSpace,
    *,
    workers: int | None = None,
    ray_address: str | None = None,
) -> PreparedDataset:
    """Check every file of a data set and list what can be used.

    Goes on where it was interrupted. Scenes whose files have changed since, or of which something
    was left out, are read anew.

    Writes ``manifest.jsonl``, ``scans.jsonl``, ``label_space.yaml``, ``dataset.yaml`` and
    ``defects.txt``.

    Args:
        reader: of the data set.
        out: folder to write to.
        label_space: classes of the protocol.
        workers: processes, or tasks of Ray at a time; see
            :func:`training.scene_jobs.run_scene_jobs`.
        ray_address: of a Ray cluster, see there.

    Raises:
        DatasetError: if nothing usable is there, ``out`` belongs to another data set, or the label
            space does not know the ids of the data set's labels.
        OSError: if something can't be written.
    """
    if reader.label_source not in label_space.source_ids:
        raise DatasetError(
            f"the label space '{label_space.name}' does not say which of the ids of "
            f"'{reader.label_source}', which label images of {reader.root} hold, are its classes; "
            f"give it source_ids for '{reader.label_source}'"
        )
    scenes = reader.scenes()
    out = absolute_path(out)  # workers may run in another folder
    _claim(out, reader)
    jobs = []
    # Seconds for the largest data sets, minutes where they lie on a slow server.
    for scene, split in tqdm(scenes.items(), "looking at files", delay=3, leave=False):
        fingerprint = scene_fingerprint(reader, scene, split)
        jobs.append(SceneJob(reader, scene, split, out, fingerprint))
    todo = [job for job in jobs if not job.done]
    with tqdm(total=len(jobs), initial=len(jobs) - len(todo), unit="scene") as bar:
        for _ in run_scene_jobs(prepare_scene, todo, workers=workers, ray_address=ray_address):
            bar.update()
    rows: list[ManifestRow] = []
    scans: list[ScanRow] = []
    defects = reader.stray_defects()
    for job in jobs:
        finished = job.result()
        rows += [ManifestRow(**row) for row in finished["rows"]]
        scans += [ScanRow(**finished["scan"])] if finished["scan"] else []
        defects += [Defect.from_mapping(defect) for defect in finished["defects"]]
    if not rows and not scans:
        first = f"; the first defect: {defects[0].text}" if defects else ""
        raise DatasetError(f"{reader.root} holds nothing usable{first}")
    text = yaml.safe_dump(label_space.to_mapping(), sort_keys=False)
    write_file(out / LABEL_SPACE, text.encode())
    write_file(out / DEFECTS, defect_list(defects).encode())
    write_scans(out, scans)
    write_manifest(out, rows)
    frames = dict(Counter(row.split for row in rows))
    manifest = hashlib.sha256((out / MANIFEST).read_bytes()).hexdigest()
    counts = {"frames": frames, "scans": len(scans), "defects": count_by_kind(defects)}
    _write_yaml(out / DATASET, {**_settings(reader, out), **counts, "manifest_sha256": manifest})
    return PreparedDataset(out, frames, len(scans), defects)


def prepare_scene(job: SceneJob) -> str:
    """Prepare one scene; its file is there when it is done.

    Raises:
        OSError: if something can't be written.
    """
    unpacked = job.out / UNPACKED / job.scene
    prepared = job.reader.prepare_scene(job.scene, job.split, unpacked)
    rows, defects = [], list(prepared.defects)
    for row in prepared.rows:
        checked, found = check_frame(row, job.reader.label_ids, job.reader.no_label)
        defects += found
        if checked is not None:
            rows.append(asdict(_relative_row(checked, job.out)))
    scan = prepared.scan
    if scan is not None:
        scan = replace(scan, path=manifest_path(scan.path, job.out))
    job.finished.parent.mkdir(parents=True, exist_ok=True)
    mapping = {
        "fingerprint": job.fingerprint,
        "unpacked": sorted(
            path.relative_to(job.out).as_posix() for path in unpacked.rglob("*") if path.is_file()
        ),
        "rows": rows,
        "scan": asdict(scan) if scan else None,
        "defects": [defect.to_mapping() for defect in defects],
    }
    write_file(job.finished, json.dumps(mapping).encode())
    return job.scene


def _may_pass(defect: dict[str, Any]) -> bool:
    """Whether reading again may give something else although no file has changed."""
    return defect["dropped"] or defect["kind"] == DefectKind.UNREADABLE_FILE.value


def _settings(reader: DatasetReader, out: Path) -> dict[str, Any]:
    return {
        "dataset": reader.protocol.dataset,
        "protocol": reader.protocol.name,
        # Relative, so that both may move together; listed paths lead nowhere if one moves alone.
        "root": os.path.relpath(reader.root.resolve(), out.resolve()),
        "label_source": reader.label_source,
        "size": list(reader.protocol.size) if reader.protocol.size else None,
    }


def _claim(out: Path, reader: DatasetReader) -> None:
    """Record whose the folder is, so that no run goes on with what another one has begun."""
    file = out / DATASET
    settings = _settings(reader, out)
    if file.is_file():
        try:
            found = yaml.safe_load(file.read_text(encoding="utf-8"))
            same = all(found[name] == value for name, value in settings.items())
        except (yaml.YAMLError, UnicodeDecodeError, TypeError, KeyError):
            same = False
        if not same:
            raise DatasetError(
                f"{out} holds another data set or protocol, or one from another --root "
                f"({file.name} there names it); use another --out"
            )
    else:
        out.mkdir(parents=True, exist_ok=True)
        _write_yaml(file, settings)


def _write_yaml(path: Path, mapping: dict[str, Any]) -> None:
    write_file(path, yaml.safe_dump(mapping, sort_keys=False).encode())


def _relative_row(row: ManifestRow, out: Path) -> ManifestRow:
    return replace(
        row,
        image=manifest_path(row.image, out),
        label=row.label and manifest_path(row.label, out),
        depth=row.depth and manifest_path(row.depth, out),
    )
