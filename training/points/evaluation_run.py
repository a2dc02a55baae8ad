# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""The verb ``points evaluate``: a run or a point model on a data set, with a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from seg3d2d_ros.evaluation_report import POINTS_OF_SCENES, EvaluatedFrames, write_evaluation
from training.counted import counted
from training.engine.device import check_device
from training.points.cloud import UNLABELED, LabelledCloud
from training.points.evaluation import evaluate_scenes, point_metrics
from training.points.finished_run import load_point_run
from training.points.point_model import DESCRIPTION, load_point_model
from training.points.scene_picture import seen_points
from training.points.scenes import LabelledScenes

_SHOWN = 6
_WHITE = 255


def evaluate_point_model(
    model: Path, data: Path, split: str, *, out: Path | None = None, device: str = "cpu"
) -> dict[str, Any]:
    """Metrics of a run or a point model on the points of one split's scenes.

    Args:
        model: run folder or point model.
        data: folder that prepare wrote.
        split: name of the split.
        out: folder for ``metrics.json``, ``confusion.csv`` and ``report.html``; None for none.
        device: where to run.

    Raises:
        DatasetError, CloudError, PointNetworkError, CheckpointError, ExperimentError: with one
            sentence each.
        OSError: if the report can't be written.
    """
    check_device(device)
    if (model / DESCRIPTION).is_file():
        loaded = load_point_model(model)
        network, sampling, space = loaded.network, loaded.sampling, loaded.label_space
        how = loaded.description.name
    else:
        run = load_point_run(model)
        network, sampling, space = run.network, run.sampling, run.label_space
        how = f"{run.experiment.name}, step {run.step}"
    scenes = LabelledScenes(data, split, space, memory=0)
    shown = np.linspace(0, len(scenes) - 1, min(_SHOWN, len(scenes))).astype(int).tolist()
    pictures = EvaluatedFrames(space, shown, worst=_SHOWN)
    with tqdm(total=len(scenes), unit="scene") as bar:

        def watch(index: int, cloud: LabelledCloud, predicted: npt.NDArray[np.int64]) -> None:
            if out is not None:
                _show(pictures, index, scenes.rows[index].scene, cloud, predicted, space.unlabeled)
            bar.update()

        confusion = evaluate_scenes(
            network.to(device), sampling, scenes, space, device=device, watch=watch
        )
    metrics = {"model": how, "data": f"{data.name}, {split}", "scenes": len(scenes)}
    metrics |= point_metrics(confusion)
    if out is not None:
        write_evaluation(
            out,
            metrics=metrics,
            title=f"Evaluation of {how}",
            introduction=f"{counted(len(scenes), 'scene')} of the split '{split}' of {data.name}; "
            "every labelled point counts once.",
            confusion=confusion,
            frames=pictures,
            words=POINTS_OF_SCENES,
        )
    return metrics


def _show(
    pictures: EvaluatedFrames,
    index: int,
    name: str,
    cloud: LabelledCloud,
    predicted: npt.NDArray[np.int64],
    unlabeled: int,
) -> None:
    labelled = cloud.labels != UNLABELED
    right = float((cloud.labels == predicted)[labelled].mean()) if labelled.any() else None
    if not pictures.keeps(index, right):
        return
    seen = seen_points(cloud.points)
    empty = seen < 0
    image = cloud.colors[seen].astype(np.uint8)
    image[empty] = _WHITE
    truth = np.where(labelled, cloud.labels, unlabeled)
    pictures.add(
        index,
        name,
        image,
        np.where(empty, unlabeled, truth[seen]),
        np.where(empty, unlabeled, predicted[seen]),
        accuracy=right,
    )
