# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Thresholds and groups on the way to the published labels."""

from __future__ import annotations

import numpy as np
import pytest

from seg3d2d_ros.label_groups import LabelGroups
from seg3d2d_ros.label_output import LabelOutput
from seg3d2d_ros.labels import LabelClass, LabelSpace
from seg3d2d_ros.parser import ParseResult, Timings

SPACE = LabelSpace("s", tuple(LabelClass(k, f"c{k}", (k, k, k)) for k in range(3)))
COARSE = LabelSpace("coarse", (LabelClass(0, "all", (9, 9, 9)),))
TABLE = np.where(np.arange(256) < 2, 0, 255).astype(np.uint8)
LABELS = np.array([[0, 1], [2, 255]], np.uint8)


def result(confidence=None, labels=LABELS):
    return ParseResult(labels, confidence, Timings(0, 0, 0))


def test_labels_pass_unchanged_by_default():
    output = LabelOutput(SPACE)
    assert output.apply(result()) is LABELS
    assert output.label_space is SPACE
    assert not output.needs_confidence


def test_groups():
    output = LabelOutput(SPACE, LabelGroups(COARSE, TABLE))
    assert output.apply(result()).tolist() == [[0, 0], [255, 255]]
    assert output.label_space is COARSE


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.2, 0.3, 1 / 3, 0.5, 0.7, 0.999, 1.0])
def test_threshold_takes_away_what_is_less_confident(threshold):
    labels = np.ones((16, 16), np.uint8)
    confidence = np.arange(256, dtype=np.uint8).reshape(16, 16)
    output = LabelOutput(SPACE, threshold=threshold)
    expected = [1 if value / 255 >= threshold else 255 for value in range(256)]
    assert output.apply(result(confidence, labels)).reshape(-1).tolist() == expected
    assert output.needs_confidence == (threshold > 0)
    assert labels.all()


def test_threshold_with_groups_and_16_bit_labels():
    confidence = np.array([[255, 10], [255, 255]], np.uint8)
    output = LabelOutput(SPACE, LabelGroups(COARSE, TABLE), 0.5)
    labels = output.apply(result(confidence))
    assert labels.tolist() == [[0, 255], [255, 255]]
    assert labels.dtype == np.uint8
    many = LabelSpace("many", tuple(LabelClass(k, f"c{k}", (0, 0, 0)) for k in range(300)))
    labels = LabelOutput(many, threshold=0.5).apply(result(confidence, LABELS.astype(np.uint16)))
    assert labels.tolist() == [[0, 65535], [2, 255]]
    assert labels.dtype == np.uint16
