# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import re

import cv2
import numpy as np
import pytest

from seg3d2d_ros.confusion_matrix import ConfusionMatrix
from seg3d2d_ros.evaluation_report import (
    POINTS_OF_SCENES,
    EvaluatedFrames,
    write_evaluation_report,
)
from seg3d2d_ros.labels import LabelClass, LabelSpace

SPACE = LabelSpace(
    "three",
    (
        LabelClass(0, "wall", (200, 0, 0)),
        LabelClass(1, "floor & rug", (0, 0, 200)),
        LabelClass(2, "door", (0, 200, 0)),
    ),
)
IMAGE = np.full((30, 40, 3), 90, np.uint8)


def labels(wrong_rows):
    """True and predicted labels that differ in some of ten rows."""
    truth = np.zeros((10, 40), np.uint8).repeat(3, 0)
    predicted = truth.copy()
    predicted[: 3 * wrong_rows] = 1
    return truth, predicted


@pytest.fixture
def evaluated():
    confusion, frames = ConfusionMatrix(SPACE), EvaluatedFrames(SPACE, [1, 3], worst=2)
    for index, wrong_rows in enumerate([1, 0, 5, 2, 7, 3]):
        truth, predicted = labels(wrong_rows)
        confusion.add(truth, predicted)
        frames.add(index, f"room/{index}", IMAGE, truth, predicted)
    return confusion, frames


def test_the_chosen_and_the_worst_frames_are_kept(evaluated):
    _, frames = evaluated
    assert [(f.name, f.accuracy) for f in frames.chosen] == [("room/1", 1.0), ("room/3", 0.8)]
    found = [(f.name, pytest.approx(f.accuracy)) for f in frames.worst]
    assert found == [("room/4", 0.3), ("room/2", 0.5)]


def test_it_says_beforehand_what_it_would_keep(evaluated):
    _, frames = evaluated
    asked = [(1, None), (3, 1.0), (6, 0.49), (6, 0.51), (6, None)]
    assert [frames.keeps(*each) for each in asked] == [True, True, True, False, False]


def test_frames_without_labels_are_not_the_worst():
    frames = EvaluatedFrames(SPACE)
    unlabeled = np.full((30, 40), 255, np.uint8)
    frames.add(0, "a", IMAGE, unlabeled, np.zeros_like(unlabeled))
    assert frames.worst == []


def test_page(evaluated, tmp_path):
    confusion, frames = evaluated
    path = tmp_path / "report.html"
    write_evaluation_report(
        path, title="A <b>", introduction="Six frames.", confusion=confusion, frames=frames
    )
    text = path.read_text(encoding="utf-8")
    assert "<title>A &lt;b&gt;</title>" in text
    assert "floor &amp; rug</td><td>not in the data</td>" in text
    # 18 of 60 rows are wrong: accuracy and wall's IoU are 70 %
    assert "<td>pixel accuracy</td><td>70.0 %</td>" in text
    assert "> 70.0</td><td>100.00</td>" in text
    assert '0.30)">30</td>' in text
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)
    assert len(pictures) == 4
    data = np.frombuffer(base64.b64decode(pictures[2]), np.uint8)
    worst = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert worst.shape == (240, 960, 3)
    # image, truth (wall: red) and prediction (floor: blue at the top)
    assert np.abs(worst[60, 160].astype(int) - 90).max() < 12
    assert worst[60, 480, 0] > worst[60, 480, 2] + 60
    assert worst[60, 800, 2] > worst[60, 800, 0] + 60


def page_of(confusion, frames, path, **words):
    write_evaluation_report(
        path, title="A", introduction="B", confusion=confusion, frames=frames, **words
    )
    return path.read_text(encoding="utf-8")


def test_a_picture_is_shown_once(tmp_path):
    confusion, frames = ConfusionMatrix(SPACE), EvaluatedFrames(SPACE, [0], worst=2)
    for index, wrong_rows in enumerate([5, 2]):
        truth, predicted = labels(wrong_rows)
        confusion.add(truth, predicted)
        frames.add(index, f"room/{index}", IMAGE, truth, predicted)
        text = page_of(confusion, frames, tmp_path / "report.html")
        assert text.count("<img") == index + 1
        assert text.count("The worst") == index
    assert "<p>room/0: 50.0 % of the pixels right, see above</p>" in text


def test_captions_of_scenes_say_what_the_views_show(evaluated, tmp_path):
    text = page_of(*evaluated, tmp_path / "report.html", words=POINTS_OF_SCENES)
    assert text.count("from above, the ceiling cut away") == 2
    assert "Image, true labels" not in text
