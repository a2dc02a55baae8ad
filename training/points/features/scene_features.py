# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""One scene's features by a point model: a job that can run in any process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from seg3d2d_ros.confusion_matrix import ConfusionMatrix
from training.data.defects import DefectError
from training.data.manifest import ScanRow
from training.data.open_scan import open_scan
from training.data.scan import Scan
from training.points.cloud import CloudError
from training.points.features.array_file import PointFeaturesError, map_array
from training.points.features.features_description import SCENES, STATISTICS, STATISTICS_SPLIT
from training.points.features.features_record import FeaturesRecord
from training.points.features.features_writer import to_half, write_scene
from training.points.networks.point_network import PointNetworkError
from training.points.networks.registry import resolved_config
from training.points.point_model import PointModel, load_point_model
from training.points.prediction import predict_scene
from training.points.sparse.voxel_pyramid import VoxelError
from training.projection.scene_file import points_sha256, scene_path

_ROWS = 65536
_COMPUTATION = 1
"""Raised when the same model gives other features than before."""
_OUT_OF_MEMORY = ("allocate memory", "bad_alloc")
"""What the errors of PyTorch on CPUs say, which have no type of their own."""


@dataclass(frozen=True)
class FeaturesJob:
    """A scene to make features of.

    Attributes:
        model: folder of the point model.
        model_sha256: of the model, see :func:`point_model_sha256`.
        prepared: folder that lists the scan.
        out: folder of the features.
        row: the scan's line.
        class_table: bytes of uint16 [65536], the model's class of each id of the scan's labels,
            65535 for none; None where the labels are not of its classes.
        label_ids: ids that the scan's labels may hold.
        device: to run on.
        scale: of the features as they are stored.
    """

    model: Path
    model_sha256: str
    prepared: Path
    out: Path
    row: ScanRow
    class_table: bytes | None
    label_ids: frozenset[int]
    device: str
    scale: float = 1.0


@dataclass(frozen=True)
class SceneResult:
    """What became of a scene.

    Attributes:
        scene: name.
        points: of its scan; 0 where it can't be used.
        kept: whether its features were there already.
        defect: why it has none now, a sentence; None where it has.
        unknown_labels: points whose label is not among the ids that it may be.
    """

    scene: str
    points: int
    kept: bool = False
    defect: str | None = None
    unknown_labels: int = 0


def point_model_sha256(model: PointModel) -> str:
    """SHA-256 of all that a model's features depend on, and of its classes."""
    said = model.description
    names = model.label_space.names
    config = resolved_config(said.network, said.config, len(names))
    content = [_COMPUTATION, said.network, config, vars(model.sampling), said.sha256, names]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def make_scene_features(job: FeaturesJob) -> SceneResult:
    """Make a scene's features, unless they are there: of this model and of this scan.

    Where the scan can't be used, what was there before stays.

    Raises:
        DatasetError: if the scene's name or its scan's format can't be used.
        PointNetworkError: if the model can't be read.
        OSError: if something can't be written.
    """
    scene = job.row.scene
    try:
        return _made(job)
    except (DefectError, CloudError, VoxelError, PointFeaturesError) as error:
        text = str(error)
    except torch.cuda.OutOfMemoryError:
        text = f"the memory of the device '{job.device}' does not hold it; use --device cpu"
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(w in str(error) for w in _OUT_OF_MEMORY):
            raise
        text = "there is too little memory for it; use fewer --workers, or divide it into rooms"
    return SceneResult(scene, 0, defect=_line(scene, text))


def _made(job: FeaturesJob) -> SceneResult:
    scene, where = job.row.scene, f"{job.row.scene} ({job.prepared / job.row.path})"
    scan = open_scan(job.prepared, job.row)
    unknown = 0
    if scan.labels is not None and job.class_table is not None:
        unknown = int((~np.isin(scan.labels, list(job.label_ids))).sum())
    inputs = _inputs_sha256(job, scan)
    if _finished(job, len(scan.points), inputs):
        return SceneResult(scene, len(scan.points), kept=True, unknown_labels=unknown)
    model = _model(job.model, job.model_sha256, job.device)
    with one_thread(job.device), single_precision():
        predicted = predict_scene(
            model.network,
            model.sampling,
            scan.points,
            scan.colors,
            where=where,
            device=job.device,
        )
    computed = predicted.features.numpy()
    computed *= np.float32(job.scale)
    features = to_half(computed, where, job.scale)
    del computed, predicted
    if job.row.split == STATISTICS_SPLIT:
        (job.out / STATISTICS).unlink(missing_ok=True)  # it would be of other features
    write_scene(
        job.out,
        scene,
        features,
        points_sha256(scan.points),
        inputs_sha256=inputs,
        confusion=_confusion(job, model, scan, features),
    )
    return SceneResult(scene, len(scan.points), unknown_labels=unknown)


@contextmanager
def one_thread(device: str) -> Iterator[None]:
    """Let sums have one order, so that the same scene gives the same bytes in any process."""
    before = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def single_precision() -> Iterator[None]:
    """Keep GPUs from rounding factors to the ten bits of TF32, as cuDNN does unless told not to."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32, cudnn.allow_tf32 = False, False
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def _line(scene: str, text: str) -> str:
    text = " ".join(text.split())
    return text if scene in text else f"{scene}: {text}"


@lru_cache(maxsize=1)
def _model(folder: Path, sha256: str, device: str) -> PointModel:
    model = load_point_model(folder)
    if point_model_sha256(model) != sha256:
        raise PointNetworkError(f"{folder} was changed while features were made; start again")
    model.network.to(device)
    return model


def _inputs_sha256(job: FeaturesJob, scan: Scan) -> str:
    digest = hashlib.sha256(job.model_sha256.encode())
    digest.update(str(job.scale).encode() if job.scale != 1 else b"")
    digest.update(points_sha256(scan.points).encode())
    digest.update(np.ascontiguousarray(scan.colors).tobytes())
    if scan.labels is not None and job.class_table is not None:
        digest.update(np.ascontiguousarray(scan.labels, "<u2").tobytes())
        digest.update(job.class_table)
    return digest.hexdigest()


def _finished(job: FeaturesJob, points: int, inputs: str) -> bool:
    array, record = (scene_path(job.out / SCENES, job.row.scene, e) for e in (".npy", ".npz"))
    try:
        features = map_array(array)
        if features.dtype != np.float16 or features.ndim != 2 or len(features) != points:
            return False
        there = FeaturesRecord.read(record, features.shape[1])
    except PointFeaturesError:
        return False
    return there.inputs_sha256 == inputs and there.moments.count == points


def _confusion(
    job: FeaturesJob, model: PointModel, scan: Scan, features: npt.NDArray[np.float16]
) -> npt.NDArray[np.int64] | None:
    """Classes that the classifier gives the features as they are stored, beside the scan's."""
    if scan.labels is None or job.class_table is None:
        return None
    weight, bias = (part.detach().float().cpu() for part in model.network.classifier)
    weight = weight / job.scale
    table = np.frombuffer(job.class_table, np.uint16)
    confusion = ConfusionMatrix(model.label_space)
    with one_thread("cpu"):
        for start in range(0, len(features), _ROWS):
            block = slice(start, start + _ROWS)
            scores = torch.from_numpy(features[block]).float() @ weight.T + bias
            confusion.add(table[scan.labels[block]], scores.argmax(1).numpy())
    return confusion.counts
