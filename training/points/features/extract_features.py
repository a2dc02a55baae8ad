# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb ``points features``: every scene of a prepared data set by a point model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from seg3d2d_ros.atomic_file import write_file
from seg3d2d_ros.labels import LabelSpace, LabelSpaceError
from training.counted import counted
from training.data.labelled_frames import DatasetError
from training.data.manifest import (
    DEFECTS,
    SCANS_LIST,
    ScanRow,
    class_table,
    known_label_ids,
)
from training.engine.device import check_device
from training.points.features.extraction_report import ExtractedScene, ExtractionReport
from training.points.features.features_description import (
    SCENES,
    STATISTICS,
    STATISTICS_SPLIT,
    FeaturesDescription,
)
from training.points.features.features_record import FeaturesRecord
from training.points.features.features_writer import held, start_folder, write_statistics
from training.points.features.moments import merge_all
from training.points.features.scene_features import (
    FeaturesJob,
    SceneResult,
    make_scene_features,
    point_model_sha256,
)
from training.points.point_model import PointModel, load_point_model
from training.points.scenes import scans_of
from training.projection.scene_file import scene_path
from training.scene_jobs import run_scene_jobs

_NO_CLASS = 65535
_NAMED = 5
"""Scenes named in a sentence."""


def extract_features(
    model_folder: Path,
    prepared: Path,
    out: Path,
    *,
    splits: Sequence[str] = (),
    workers: int | None = None,
    ray_address: str | None = None,
    device: str = "cpu",
    scale: float = 1.0,
) -> ExtractionReport:
    """Make the features of every scene; those that are there, of this model and scan, are kept.

    Args:
        model_folder: of the point model.
        prepared: folder that `prepare` wrote.
        out: folder to write to.
        splits: those to do; all where none is named.
        workers: processes, or tasks of Ray at a time; see
            :func:`training.scene_jobs.run_scene_jobs`.
        ray_address: of a Ray cluster, see there.
        device: to run the network on.
        scale: of the features as they are stored; the classifier's weight is divided by it.

    Raises:
        PointNetworkError: if the model can't be read.
        PointFeaturesError: if the folder holds features of another teacher or scale, or something
            else, or another run writes to it.
        DatasetError: if the scans' list can't be read, has none of a split, or none of its scans
            can be used.
        ExperimentError: if there is no such device.
        OSError: if something can't be written.
    """
    check_device(device)
    model = load_point_model(model_folder)
    rows = _chosen(prepared, splits)
    _refuse_absent(prepared, rows)
    table, label_ids, remark = _class_table(prepared, model.label_space)
    sha256 = point_model_sha256(model)
    weight, bias = (part.detach().float().cpu().numpy() for part in model.network.classifier)
    width = model.network.feature_width
    description = FeaturesDescription(
        width, _teacher(model), sha256, scale=scale, credits=model.description.credits
    )
    start_folder(out, description, model.label_space, (weight / scale).astype(np.float32), bias)
    folders = prepared.resolve(), out.resolve()
    jobs = [
        FeaturesJob(model_folder.resolve(), sha256, *folders, row, table, label_ids, device, scale)
        for row in rows
    ]
    results: dict[str, SceneResult] = {}
    with held(out), tqdm(total=len(jobs), unit="scene") as bar:
        for result in run_scene_jobs(
            make_scene_features, jobs, workers=workers, ray_address=ray_address
        ):
            results[result.scene] = result
            bar.update()
        return _finish(out, model, rows, results, remark)


def _class_table(
    prepared: Path, label_space: LabelSpace
) -> tuple[bytes | None, frozenset[int], str]:
    """Class of each id of the scans' labels as uint16, 65535 for none, and the ids that there are.

    Or why labels can't be compared.
    """
    try:
        table, ids = class_table(prepared, label_space), known_label_ids(prepared)
    except (DatasetError, LabelSpaceError) as error:
        return None, frozenset(), f"not compared with the scans' labels: {error}"
    table = table.astype(np.uint16)
    table[table == label_space.unlabeled] = _NO_CLASS
    return table.tobytes(), ids, ""


def _chosen(prepared: Path, splits: Sequence[str]) -> list[ScanRow]:
    chosen = scans_of(prepared, splits)
    names = [row.scene for row in chosen]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DatasetError(
            f"{prepared / SCANS_LIST} has the scene '{twice}' twice; make it anew with 'python -m "
            "training prepare'"
        )
    return chosen


def _refuse_absent(prepared: Path, rows: Sequence[ScanRow]) -> None:
    """Raise where none of the scans is there: a disk that is not mounted."""
    if not any((prepared / row.path).exists() for row in rows):
        raise DatasetError(
            f"none of the {len(rows)} scans that {prepared} lists is there (the first is "
            f"{prepared / rows[0].path}): is the data set's disk mounted? Nothing was changed"
        )


def _teacher(model: PointModel) -> str:
    said = model.description
    return f"{said.name}: {said.network}, {said.source}; licence {said.licence}"


def _finish(
    out: Path,
    model: PointModel,
    rows: Sequence[ScanRow],
    results: dict[str, SceneResult],
    remark: str,
) -> ExtractionReport:
    """Statistics of the scenes in the list's order, and what is wrong."""
    width = model.network.feature_width
    defects = [text for row in rows if (text := results[row.scene].defect) is not None]
    write_file(out / DEFECTS, "".join(f"{text}\n" for text in defects).encode())
    records = {
        row.scene: FeaturesRecord.read(scene_path(out / SCENES, row.scene, ".npz"), width)
        for row in rows
        if results[row.scene].defect is None
    }
    if not records:
        raise DatasetError(f"none of the {len(rows)} scans gives features; the first: {defects[0]}")
    remarks = [remark] if remark else []
    remarks += filter(None, [_unknown_labels(rows, results)])
    remarks += filter(None, [_statistics(out, width, rows, records)])
    scenes = [
        ExtractedScene(row.split, results[row.scene].kept, records[row.scene])
        for row in rows
        if row.scene in records
    ]
    return ExtractionReport(out, width, model.label_space, scenes, defects, not remark, remarks)


def _unknown_labels(rows: Sequence[ScanRow], results: dict[str, SceneResult]) -> str:
    """A sentence about labels out of range; empty where there are none."""
    counts = {row.scene: results[row.scene].unknown_labels for row in rows}
    scenes = [scene for scene, count in counts.items() if count]
    if not scenes:
        return ""
    return (
        f"the labels of {counted(sum(counts.values()), 'point')} are none of the data set's, "
        f"the first in the scene {scenes[0]}; they are not compared: prepare the data set "
        "anew, or correct them"
    )


def _statistics(
    out: Path, width: int, rows: Sequence[ScanRow], records: dict[str, FeaturesRecord]
) -> str:
    """Write the statistics unless those that are there still hold.

    Who rewrites a training scene removes them, so where they are left, the features that they are
    over are those that were there before.

    Returns:
        What is to be said of them; empty where they are over all training scenes.
    """
    training = [row.scene for row in rows if row.split == STATISTICS_SPLIT]
    if not training:
        return f"{out / STATISTICS} is over the split '{STATISTICS_SPLIT}', which was not asked for"
    without = [scene for scene in training if scene not in records]
    there = [records[scene].moments for scene in training if scene in records]
    stays = bool(without) and (out / STATISTICS).exists()
    if there and not stays:
        write_statistics(out, merge_all(there, width))
    if not without:
        return ""
    if stays:
        text = "stays as it was, no scene that it is over has changed"
    else:
        text = "leaves them out" if there else "is not there"
    return (
        f"{len(without)} of {counted(len(training), 'scene')} of the split '{STATISTICS_SPLIT}' "
        "can't be used "
        f"({', '.join(without[:_NAMED])}{', …' if len(without) > _NAMED else ''}): "
        f"{out / STATISTICS} {text}"
    )
