# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluation of 3D networks: each labelled point of whole scenes counts once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.confusion_matrix import ConfusionMatrix
from seg3d2d_ros.labels import LabelSpace
from training.points.cloud import UNLABELED, CloudError, LabelledCloud
from training.points.networks.point_network import PointNetwork
from training.points.prediction import predict_scene
from training.points.sampling.scene_sampling import SceneSampling
from training.points.scenes import LabelledScenes

SceneWatcher = Callable[[int, LabelledCloud, npt.NDArray[np.int64]], None]
"""Called with each scene's number, its points with true labels, and the predicted classes."""


def evaluate_scenes(
    network: PointNetwork,
    sampling: SceneSampling,
    scenes: LabelledScenes,
    label_space: LabelSpace,
    *,
    indices: Iterable[int] | None = None,
    device: str = "cpu",
    watch: SceneWatcher | None = None,
) -> ConfusionMatrix:
    """Confusion matrix over the points of scenes; points without a class are left out.

    Args:
        network: in evaluation mode, on `device`.
        sampling: the network's.
        scenes: of one split.
        label_space: of the network.
        indices: numbers of the scenes; all where None.
        device: of the network.
        watch: sees every scene.

    Raises:
        DatasetError: if a scene's files are missing or damaged.
        CloudError: if a scene's points can't be used, or no point has a class.
    """
    confusion = ConfusionMatrix(label_space)
    for index in range(len(scenes)) if indices is None else indices:
        cloud, row = scenes.load(index), scenes.rows[index]
        prediction = predict_scene(
            network,
            sampling,
            cloud.points,
            cloud.colors.astype(np.uint8),
            where=f"scene {row.scene}",
            device=device,
        )
        predicted = prediction.logits.argmax(1).numpy()
        truth = np.where(cloud.labels == UNLABELED, label_space.unlabeled, cloud.labels)
        confusion.add(truth, predicted)
        if watch is not None:
            watch(index, cloud, predicted)
    if not confusion.counts.any():
        raise CloudError(
            f"no point of the split '{scenes.split}' of {scenes.folder} has a class of the label "
            f"space '{label_space.name}'; there is nothing to measure on"
        )
    return confusion


def point_metrics(confusion: ConfusionMatrix) -> dict[str, Any]:
    """Percent, one decimal: mIoU, accuracy, mean class accuracy, IoU by class; number of points."""
    metrics = confusion.metrics()
    return {
        "miou": metrics["miou"],
        "accuracy": metrics["pixel_accuracy"],
        "mean_accuracy": metrics["mean_accuracy"],
        "class_iou": metrics["class_iou"],
        "points": metrics["pixels"],
    }
