# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
"""Batches of scenes: a function of seed and step, whoever makes them."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from seg3d2d_ros.labels import LabelSpace  # noqa: E402
from training.data.scan import Scan  # noqa: E402
from training.points.augmentation import PointAugmentationConfig  # noqa: E402
from training.points.batches import SceneBatches  # noqa: E402
from training.points.cloud import UNLABELED, CloudError  # noqa: E402
from training.points.sampling.blocks import BlockSampling  # noqa: E402
from training.points.sampling.voxels import VoxelSampling  # noqa: E402
from training.points.scenes import LabelledScenes  # noqa: E402

SAMPLING = VoxelSampling(voxel_size=0.2)


@pytest.fixture
def scenes(prepared):
    return LabelledScenes(prepared, "train", LabelSpace.load(prepared / "label_space.yaml"))


def batches(scenes, sampling=SAMPLING, config=None, **settings):
    settings = {"batch": 2, "accumulate": 1, "seed": 4} | settings
    return SceneBatches(scenes, sampling, config or PointAugmentationConfig(), **settings)


def assert_equal(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.labels, b.labels)
        assert all(torch.equal(x, y) for x, y in zip(a.inputs, b.inputs, strict=True))


@pytest.mark.parametrize("loaders", [1, 3])
def test_threads_give_what_was_asked_for_in_order(scenes, loaders):
    made = list(batches(scenes, loaders=loaders).iterate(2, 7))
    assert len(made) == 5
    for step, batch in enumerate(made, start=2):
        assert_equal(batch, batches(scenes).at(step))


def test_an_unfinished_iteration_ends(scenes):
    stream = batches(scenes, loaders=3).iterate(0, 1000)
    next(stream)
    stream.close()


def test_seeds_differ(scenes):
    one, other = batches(scenes).at(0)[0], batches(scenes, seed=5).at(0)[0]
    assert one.labels.shape != other.labels.shape or not torch.equal(one.labels, other.labels)


def test_an_epoch_shows_every_scene_once(scenes):
    made = batches(scenes)
    for epoch in range(3):
        shown = [made._scene_index(3 * epoch + k) for k in range(3)]
        assert sorted(shown) == [0, 1, 2]


def test_large_scenes_occur_more_often(scenes):
    made = batches(scenes, points_per_sample=50)
    assert made.steps_per_epoch == 6
    shown = [made._scene_index(k) for k in range(12)]
    assert np.bincount(shown).tolist() == [4, 4, 4]


def test_processes_and_accumulation_divide_one_stream_of_samples(scenes):
    whole = [batches(scenes)._draw(sample) for sample in range(8)]
    parts = [batches(scenes, rank=r, workers=2, accumulate=2).at(0) for r in range(2)]
    joined = [part for ranks in parts for part in ranks]
    expected = [SAMPLING.batch(whole[k : k + 2]) for k in range(0, 8, 2)]
    assert_equal(joined, expected)


def test_scenes_with_too_few_points_are_named(scenes):
    with pytest.raises(CloudError, match="3 scenes of the split 'train' of .* too few points"):
        batches(scenes, BlockSampling()).at(0)


def scan_of(points, labels):
    return Scan(
        np.array(points, np.float32),
        np.full((len(points), 3), 90, np.uint8),
        np.array(labels, np.uint16),
    )


def test_a_sample_keeps_all_where_too_little_to_learn_from_would_stay(prepare):
    line = [[0.3 * k, 0, 0] for k in range(40)]
    scans = {
        "two points": scan_of([[0, 0, 0], [5, 0, 0]], [0, 1]),
        # one point, and so one of the two voxels at the coarsest stride
        "far from the others": scan_of([[9, 0, 0], *line[:8]], [0] * 9),
        "one with a class": scan_of(line, [0] + [255] * 39),
    }
    folder = prepare({"train": scans})
    scenes = LabelledScenes(folder, "train", LabelSpace.load(folder / "label_space.yaml"))
    settings = {"elastic": (), "dropout_chance": 1.0}
    dropping, whole = (
        batches(scenes, config=PointAugmentationConfig(**settings, dropout=part), batch=1)
        for part in (0.5, 0.0)
    )
    shorter = 0
    for sample in range(30):
        drawn, undropped = dropping._draw(sample), whole._draw(sample)
        assert SAMPLING.can_be_learned(drawn)
        assert len(drawn) in (len(undropped), len(undropped) // 2)
        if len(drawn) == len(undropped):
            assert np.array_equal(drawn.points, undropped.points)
        shorter += len(drawn) < len(undropped)
        assert bool((dropping.at(sample)[0].labels != UNLABELED).any())
    # half of the samples of two scenes in three, about
    assert 4 < shorter < 16
