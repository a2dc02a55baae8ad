# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Evaluation on whole scenes: every labelled point counts once."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.labels import LabelSpace  # noqa: E402
from training.data.scan import Scan, write_ply  # noqa: E402
from training.points.cloud import CloudError  # noqa: E402
from training.points.evaluation import evaluate_scenes, point_metrics  # noqa: E402
from training.points.networks.point_network import PointNetwork, PointOutput  # noqa: E402
from training.points.sampling.voxels import VoxelSampling  # noqa: E402
from training.points.scenes import LabelledScenes  # noqa: E402


class BrightestChannel(PointNetwork):
    """Whose class is the brightest of the three colours."""

    feature_width = num_classes = 3

    def forward(self, *inputs):
        return PointOutput(inputs[1], inputs[1])

    @property
    def classifier(self):
        return torch.eye(3), torch.zeros(3)


PURE = 255 * np.eye(3, dtype=np.uint8)


def write_scene(prepared, scene, colors, labels, spacing=1.0):
    points = np.zeros((len(labels), 3), np.float32)
    points[:, 0] = np.arange(len(labels)) * spacing
    path = prepared / "scenes" / f"{scene}.ply"
    write_ply(path, Scan(points, PURE[colors], np.array(labels, np.uint16)))


def confusion_of(prepared, split, **settings):
    space = LabelSpace.load(prepared / "label_space.yaml")
    scenes = LabelledScenes(prepared, split, space)
    sampling = VoxelSampling(voxel_size=0.5)
    return evaluate_scenes(BrightestChannel().eval(), sampling, scenes, space, **settings)


def test_metrics_are_those_counted_by_hand(prepared):
    write_scene(prepared, "room0", [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 255, 1])
    write_scene(prepared, "room1", [2, 2], [2, 0])
    write_scene(prepared, "room2", [1], [255])
    metrics = point_metrics(confusion_of(prepared, "train"))
    # floor: 2 of 2 + 1 + 1; wall: 1 of 1 + 2; table: 1 of 1 + 2
    assert metrics["class_iou"] == {"floor": 50.0, "wall": 33.3, "table": 33.3}
    assert metrics["miou"] == 38.9
    assert metrics["accuracy"] == 57.1  # 4 of 7
    assert metrics["mean_accuracy"] == 66.7  # 2/3, 1/3, 1
    assert metrics["points"] == 7


def test_points_that_share_a_voxel_count_each(prepared):
    write_scene(prepared, "room3", [0, 1, 1, 1], [1, 1, 1, 1], spacing=0.2)
    # the voxel of 0 to 0.5 m holds three points and looks like its first
    assert confusion_of(prepared, "val").counts.tolist() == [[0] * 4, [3, 1, 0, 0], [0] * 4]


def test_some_scenes_can_be_asked_for_and_watched(prepared):
    seen = []
    for scene, color in (("room0", 0), ("room1", 1), ("room2", 2)):
        write_scene(prepared, scene, [color], [0])
    counts = confusion_of(
        prepared,
        "train",
        indices=[2, 0],
        watch=lambda index, cloud, predicted: seen.append((index, len(cloud), predicted.tolist())),
    ).counts
    assert seen == [(2, 1, [2]), (0, 1, [0])]
    assert counts[0].tolist() == [1, 0, 1, 0]


def test_a_split_without_a_class_is_named(prepared):
    write_scene(prepared, "room3", [0, 1], [255, 255])
    with pytest.raises(CloudError, match="no point of the split 'val' of .* has a class"):
        confusion_of(prepared, "val")


def test_a_scene_of_one_point_is_measured(prepared):
    write_scene(prepared, "room3", [1], [1])
    assert point_metrics(confusion_of(prepared, "val"))["miou"] == 100.0
