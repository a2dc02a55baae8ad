# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluation of a predictor over labelled images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from seg3d2d_ros.confusion_matrix import ConfusionMatrix
from seg3d2d_ros.labels import LabelSpace

Predictor = Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]]
"""Labels (H, W) of an RGB image (H, W, 3) uint8."""

Watcher = Callable[[int, npt.NDArray[np.uint8], npt.NDArray[Any], npt.NDArray[Any]], None]
"""Called with each frame's index, image, true and predicted labels."""


class LabelledImages(Protocol):
    """A data set as evaluation sees it."""

    def __len__(self) -> int: ...

    def load(self, index: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
        """Image (H, W, 3) RGB and labels (H, W)."""


def evaluate(
    predict: Predictor,
    dataset: LabelledImages,
    label_space: LabelSpace,
    indices: Iterable[int] | None = None,
    watch: Watcher | None = None,
) -> ConfusionMatrix:
    """Confusion matrix of a predictor over a data set, or over some of its frames."""
    confusion = ConfusionMatrix(label_space)
    for index in range(len(dataset)) if indices is None else indices:
        image, truth = dataset.load(index)
        predicted = predict(image)
        confusion.add(truth, predicted)
        if watch is not None:
            watch(index, image, truth, predicted)
    return confusion
