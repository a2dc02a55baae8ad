# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Which scenes of an evaluation are drawn."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from seg3d2d_ros.evaluation_report import EvaluatedFrames
from seg3d2d_ros.labels import LabelSpace
from training.points import evaluation_run
from training.points.cloud import UNLABELED, LabelledCloud


def test_only_scenes_that_the_report_keeps_are_drawn(prepared, monkeypatch):
    space = LabelSpace.load(prepared / "label_space.yaml")
    drawn = []

    def seen_points(points):
        drawn.append(len(points))
        return original(points)

    original = evaluation_run.seen_points
    monkeypatch.setattr(evaluation_run, "seen_points", seen_points)
    pictures = EvaluatedFrames(space, [3], worst=1)
    # scenes of 10 + k points of which so many are right
    for index, right in enumerate([8, 9, 4, 12, 1]):
        count = 10 + index
        labels = np.zeros(count, np.int64)
        labels[-1] = UNLABELED  # counts neither way, whatever is predicted
        points = np.random.default_rng(index).random((count, 3)).astype(np.float32)
        cloud = LabelledCloud(points, np.zeros((count, 3), np.uint8), labels)
        predicted = (np.arange(count) >= right).astype(np.int64)
        evaluation_run._show(pictures, index, f"scene{index}", cloud, predicted, space.unlabeled)
    assert drawn == [10, 12, 13, 14]
    assert [(frame.name, frame.accuracy) for frame in pictures.chosen] == [("scene3", 1.0)]
    assert [(f.name, f.accuracy) for f in pictures.worst] == [("scene4", pytest.approx(1 / 13))]
