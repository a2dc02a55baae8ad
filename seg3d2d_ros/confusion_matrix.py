# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Confusion matrix of label images, and the metrics that follow from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.labels import LabelSpace


class ConfusionMatrix:
    """Counts of pixels by true (row) and predicted (column) class.

    Pixels that are unlabeled in the truth are left out, as in ScanNet's 2D benchmark. Predictions
    outside the label space count as missed, in a last column of their own.
    """

    def __init__(self, label_space: LabelSpace) -> None:
        self.label_space = label_space
        classes = label_space.num_classes
        self.counts = np.zeros((classes, classes + 1), np.int64)

    def add(self, truth: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> None:
        """Count two label images of the same shape.

        Raises:
            ValueError: if the shapes differ.
        """
        if truth.shape != predicted.shape:
            raise ValueError(f"labels are {predicted.shape}, the truth {truth.shape}")
        rows, columns = self.counts.shape
        labelled = truth < rows
        true_ids = truth[labelled].astype(np.int64)
        predicted_ids = np.minimum(predicted[labelled], columns - 1).astype(np.int64)
        flat = np.bincount(true_ids * columns + predicted_ids, minlength=rows * columns)
        self.counts += flat.reshape(rows, columns)

    def iou(self) -> npt.NDArray[np.float64]:
        """Intersection over union by class, in [0, 1]; NaN for classes absent from the truth."""
        hits = np.diag(self.counts).astype(np.float64)
        truth = self.counts.sum(1)
        predicted = self.counts[:, :-1].sum(0)
        union = truth + predicted - hits
        return np.where(truth > 0, hits / np.maximum(union, 1), np.nan)

    def metrics(self) -> dict[str, Any]:
        """Percent, one decimal: mIoU, pixel accuracy, mean class accuracy, IoU by class name.

        Means are over the classes that occur in the truth; a class that does not has IoU None.
        """
        iou = self.iou()
        truth = self.counts.sum(1)
        hits = np.diag(self.counts)
        recall = hits[truth > 0] / truth[truth > 0]
        return {
            "miou": _percent(float(np.nanmean(iou))),
            "pixel_accuracy": _percent(hits.sum() / truth.sum()),
            "mean_accuracy": _percent(recall.mean()),
            "class_iou": {
                name: None if np.isnan(value) else _percent(value)
                for name, value in zip(self.label_space.names, iou, strict=True)
            },
            "pixels": int(truth.sum()),
        }


def _percent(fraction: float) -> float:
    return round(100.0 * float(fraction), 1)
